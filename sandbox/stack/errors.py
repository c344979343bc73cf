from __future__ import annotations


class StackError(Exception):
    """Kafka or MongoDB cannot be had; the message is one sentence for the user and names what to set or to do."""
