"""Reads the change topics again over a bounded stretch, through the same evaluation, and sends nothing outward."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from workers.ports import Clock, Publisher, Store, TopicReader
from workers.runtime.apply import Applied, Applier
from workers.runtime.decode import split
from workers.runtime.retry import patiently


@dataclass(slots=True)
class Replayed:
    applied: Applied
    unreadable: int = 0

    @property
    def changed(self) -> int:
        """Documents that a replay found to be wrong, and put right."""
        return self.applied.records_changed + self.applied.people_changed + self.applied.accounts_changed


async def replay(
    reader: TopicReader,
    store: Store,
    publisher: Publisher,
    clock: Clock,
    *,
    team: str | None = None,
    progress: Callable[[Replayed], None] = lambda _: None,
) -> Replayed:
    """Apply every change in the stretch (of one team, if named); raises Unavailable when the store stays away.

    Nothing goes outward (promise P11). Memberships are not announced and not noted as announced either: routing may
    not have come as far as the stretch reaches, and announces what it finds owed when it does. A message that cannot
    be read is counted; it was parked when it was first read, and still is.
    """
    applier = Applier(store, publisher, clock, announcing=False)
    result = Replayed(Applied())
    async for messages in reader.read():
        readable, unreadable = split(messages, clock.now_ms())
        batch = [decoded for _, decoded in readable if team in (None, decoded.team)]
        result.applied.add(await patiently(lambda batch=batch: applier.apply(batch)))  # type: ignore[misc]
        result.unreadable += len(unreadable)
        progress(result)
    return result
