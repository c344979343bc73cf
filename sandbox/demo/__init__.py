"""The story that a user would see, on this machine, judged by the simulated org's own ledger and query engine."""
