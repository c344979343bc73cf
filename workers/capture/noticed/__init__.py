"""What a capture process notices in the store: connections, jobs, records that the org is to be asked about."""
