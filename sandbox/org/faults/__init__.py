"""Misbehaviour that can be planned."""
