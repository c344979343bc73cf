"""The records of a new org."""
