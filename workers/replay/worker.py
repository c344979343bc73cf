"""Reads the change topics again over a bounded stretch, through the same evaluation, and sends nothing outward."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from schemas.events import MembershipChange, Parked, Reevaluation
from workers.ports import Clock, Publisher, Store, TopicReader
from workers.runtime.apply import Applied, Applier
from workers.runtime.decode import split
from workers.runtime.retry import patiently


class Inward:
    """Lets through what repairs the store and holds back what others would hear of (promise P11)."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    async def memberships(self, changes: Sequence[MembershipChange]) -> None:
        """Held back: who consumes memberships heard of them when they happened."""

    async def reevaluations(self, commands: Sequence[Reevaluation]) -> None:
        await self._publisher.reevaluations(commands)

    async def park(self, messages: Sequence[Parked]) -> None:
        """Held back: the message was parked when it was first read, and still is."""


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
    """Apply every change in the stretch (of one team, if named); raises Unavailable when the store stays away."""
    applier = Applier(store, Inward(publisher))
    result = Replayed(Applied())
    async for messages in reader.read():
        readable, unreadable = split(messages, clock.now_ms())
        batch = [decoded for _, decoded in readable if team in (None, decoded.team)]
        result.applied.add(await patiently(lambda batch=batch: applier.apply(batch)))  # type: ignore[misc]
        result.unreadable += len(unreadable)
        progress(result)
    return result
