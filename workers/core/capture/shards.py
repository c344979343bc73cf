"""Which shard captures a team. Fixed for ever: the fencing of a team's capture rests on it."""

from __future__ import annotations

from zlib import crc32

from schemas.topics import SHARDS


def shard_of(team: str) -> int:
    """Partition of `capture.positions`. CRC-32, since Python's own hash differs from process to process."""
    return crc32(team.encode()) % SHARDS
