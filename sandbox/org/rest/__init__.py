"""The REST API, with the Tooling API as far as it goes."""
