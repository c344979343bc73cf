"""Rows as values, the writes that change them, and the tables that keep them."""
