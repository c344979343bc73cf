"""The scores API over HTTP."""
