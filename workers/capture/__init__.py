"""Salesforce -> change topics: one CometD session per team, and the import of what an org already holds."""
