"""What keeps a process small that serves large orgs."""
