"""Salesforce clients that others wrote, used unmodified against the simulated org."""
