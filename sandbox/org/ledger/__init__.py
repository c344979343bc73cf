"""The org's own record of what happened to it."""
