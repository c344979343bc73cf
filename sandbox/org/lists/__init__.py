"""List views."""
