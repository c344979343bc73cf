"""People and accounts behind the port `Members`."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.documents import Member
from workers.adapters.mongo.collection import Collection

ANNOUNCED = [{"$set": {"announced": "$segments"}}]
"""Needs nothing of the members themselves, so that one operation does for many."""


class MemberCollection(Collection[Member]):
    async def note_announced(self, members: Sequence[Member]) -> list[Member]:
        """A miss is counted, not named: all may have been missed then."""
        return [] if await self.note(members, ANNOUNCED) == len(members) else list(members)
