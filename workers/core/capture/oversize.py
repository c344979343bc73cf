"""What does not fit into a Kafka message is parked instead of sent: aiokafka would lose it and commit the rest."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.events import Change, Parked
from schemas.topics import CHANGES
from workers.core.normalize import parked_change

FRAMING_BYTES = 1024
"""Taken off the limit for what Kafka adds to a key and a value (record and batch headers: under 100 bytes)."""


def fitting(changes: Sequence[Change], max_message_bytes: int) -> tuple[list[tuple[Change, bytes]], list[Parked]]:
    """Changes with their encoding, and what stands in the parked topic for those that are too large."""
    limit_bytes = max_message_bytes - FRAMING_BYTES
    sent: list[tuple[Change, bytes]] = []
    parked: list[Parked] = []
    for change in changes:
        value = change.model_dump_json().encode()
        if len(value) <= limit_bytes:
            sent.append((change, value))
        else:
            parked.append(parked_change(CHANGES[change.entity].name, change, len(value), limit_bytes))
    return sent, parked
