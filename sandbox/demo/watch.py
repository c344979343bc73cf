"""Measures how long after its commit in the org an edit can be read in MongoDB."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from pymongo import AsyncMongoClient

from sandbox.demo.org_client import OrgClient

Seen = dict[str, dict[int, float]]
"""Record id -> commit number -> when a document with it was first readable (Unix ms)."""


@dataclass(slots=True)
class Watch:
    """A change stream over the collections that routing writes: it shows what a majority has, as it gets it."""

    database: Any
    records: Seen = field(default_factory=lambda: defaultdict(dict))
    members: Seen = field(default_factory=lambda: defaultdict(dict))
    imported: set[tuple[str, int]] = field(default_factory=set)
    """Record id and commit number of what was imported when it was first shown."""

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        pipeline = [{"$match": {"ns.coll": {"$in": ["records", "people", "accounts"]}}}]
        stream = await self.database.watch(pipeline, full_document="updateLookup", max_await_time_ms=500)
        following = asyncio.create_task(self._follow(stream))
        try:
            yield
        finally:
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following

    async def _follow(self, stream: Any) -> None:
        async with stream:
            async for event in stream:
                now_ms = time.time() * 1000
                document = event.get("fullDocument")
                if document is None:  # a document that is gone by the time it is looked up
                    continue
                if event["ns"]["coll"] == "records":
                    self.note_record(document, now_ms)
                else:
                    for record_id, part in (document.get("contributions") or {}).items():
                        note(self.members[record_id], part.get("version"), now_ms)

    def note_record(self, document: dict[str, Any], now_ms: float) -> None:
        record_id, version = document["record_id"], newest_version(document)
        if version and document["imported"] and version[1] not in self.records[record_id]:
            self.imported.add((record_id, version[1]))
        note(self.records[record_id], version, now_ms)

    def latency_ms(self, record_id: str, commit_number: int, committed_at_ms: float) -> float | None:
        """Until the record's document shows the commit (or a later one that overtook it), and until the person or
        account that it feeds does, where it is imported; None when it was never seen.

        A record that is not imported then may feed one later, for another reason: that is not this commit's latency.
        """
        shown = [(n, at) for n, at in self.records[record_id].items() if n >= commit_number]
        if not shown:
            return None
        number, at_ms = min(shown, key=lambda pair: pair[1])
        fed_at_ms = self.members[record_id].get(number, 0.0) if (record_id, number) in self.imported else 0.0
        return max(at_ms, fed_at_ms) - committed_at_ms


def newest_version(document: dict[str, Any]) -> Any:
    versions = [document.get("full_version"), *(document.get("field_versions") or {}).values()]
    return max((version for version in versions if version), default=None)


def note(seen: dict[int, float], version: Any, now_ms: float) -> None:
    if version and version[1] not in seen:
        seen[version[1]] = now_ms


async def latencies_ms(watch: Watch, org: OrgClient, after: int) -> list[float]:
    """One figure per change committed since ledger number `after`."""
    found = []
    async for entry in org.ledger(after):
        latency = watch.latency_ms(entry["recordId"], entry["commitNumber"], entry["committedAt"])
        if latency is not None:
            found.append(latency)
    return sorted(found)


def percentile(ascending: list[float], share: float) -> float | None:
    return round(ascending[min(len(ascending) - 1, int(share * len(ascending)))], 1) if ascending else None


def connect(uri: str) -> AsyncMongoClient[dict[str, Any]]:
    return AsyncMongoClient(uri)
