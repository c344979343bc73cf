"""Bulk API 2.0."""
