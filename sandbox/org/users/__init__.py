"""The people of an org and what they may do."""
