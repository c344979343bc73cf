"""Nothing that a client sends makes the org answer with an accident, stop, or hold a row that makes no sense."""
