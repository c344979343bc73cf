"""People and accounts behind the port `Members`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from pymongo import UpdateMany

from schemas.documents import Member
from workers.adapters.mongo.codec import document_id
from workers.adapters.mongo.collection import Collection

ANNOUNCED = [{"$set": {"announced": "$segments"}}]
"""Needs nothing of the members themselves, so that one operation does for all of a revision: a quarter of the server's
time of as many operations (measured: 12 us a member instead of 49), a tenth of ours."""


class MemberCollection(Collection[Member]):
    async def note_announced(self, members: Sequence[Member]) -> list[Member]:
        """A miss is counted, not named: all may have been missed then."""
        if not members:
            return []
        ids_by_rev: dict[int, list[str]] = defaultdict(list)
        for member in members:
            ids_by_rev[member.rev].append(document_id(member.team, member.key))
        operations = [UpdateMany({"_id": {"$in": ids}, "rev": rev}, ANNOUNCED) for rev, ids in ids_by_rev.items()]
        matched, error = await self.bulk(operations)
        if error is not None:
            self.taken([ids[0] for ids in ids_by_rev.values()], error)
        return [] if matched == len(members) else list(members)
