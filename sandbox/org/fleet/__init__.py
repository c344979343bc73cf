"""Many orgs in one process."""
