"""Queries and text searches over HTTP."""
