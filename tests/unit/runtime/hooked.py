"""A store and a publisher in memory that call a hook around, and in the middle of, everything they do.

A hook that raises is a crash at that moment; one that gives way to the event loop lets others in between.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from typing import Generic, TypeVar, cast

from schemas.documents import Member, Record, RuleSet
from schemas.events import MembershipChange, Parked, Reevaluation
from workers.adapters.memory.documents import MemoryDocuments
from workers.adapters.memory.publisher import MemoryPublisher
from workers.adapters.memory.store import MemoryRecordQueries, MemoryRuleSetQueries
from workers.ports import D, Documents, Members, Records, Store

Hook = Callable[[], Awaitable[None]]
T = TypeVar("T")


class HookedDocuments(Generic[D]):
    def __init__(self, documents: Documents[D], hook: Hook) -> None:
        self._documents: Documents[D] = documents
        self._hook = hook

    async def load(self, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], D]:
        await self._hook()
        found = await self._documents.load(keys)
        await self._hook()
        return found

    async def swap(self, documents: Sequence[D]) -> list[D]:
        """A bulk write is not atomic: others see the first half before the second."""
        lost = []
        for half in halves(documents):
            await self._hook()
            lost += await self._documents.swap(half)
        await self._hook()
        return lost

    def scan(self, team: str, after: str = "") -> AsyncIterator[D]:
        return self._documents.scan(team, after)


class HookedRecords(HookedDocuments[Record]):
    def __init__(self, records: Records, hook: Hook) -> None:
        super().__init__(records, hook)
        self._records = records

    async def note_unchanged(self, records: Sequence[Record], rule_set_version: int) -> None:
        for half in halves(records):
            await self._hook()
            await self._records.note_unchanged(half, rule_set_version)
        await self._hook()


class HookedMembers(HookedDocuments[Member]):
    def __init__(self, members: Members, hook: Hook) -> None:
        super().__init__(members, hook)
        self._members = members

    async def note_announced(self, members: Sequence[Member]) -> list[Member]:
        missed = []
        for half in halves(members):
            await self._hook()
            missed += await self._members.note_announced(half)
        await self._hook()
        return missed


class HookedRecordQueries(MemoryRecordQueries):
    def __init__(self, records: MemoryDocuments[Record], hook: Hook) -> None:
        super().__init__(records)
        self._hook = hook

    async def with_imported_contacts(self, accounts: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        await self._hook()
        found = await super().with_imported_contacts(accounts)
        await self._hook()
        return found


class HookedRuleSetQueries(MemoryRuleSetQueries):
    def __init__(self, rule_sets: MemoryDocuments[RuleSet], hook: Hook) -> None:
        super().__init__(rule_sets)
        self._hook = hook

    async def versions(self, teams: Collection[str]) -> dict[str, int]:
        await self._hook()
        found = await super().versions(teams)
        await self._hook()
        return found


def hooked_store(store: Store, hook: Hook) -> Store:
    """The same documents as `store`, which is one in memory."""
    return replace(
        store,
        records=HookedRecords(store.records, hook),
        people=HookedMembers(store.people, hook),
        accounts=HookedMembers(store.accounts, hook),
        rule_sets=HookedDocuments(store.rule_sets, hook),
        record_queries=HookedRecordQueries(cast("MemoryDocuments[Record]", store.records), hook),
        rule_set_queries=HookedRuleSetQueries(cast("MemoryDocuments[RuleSet]", store.rule_sets), hook),
    )


class HookedPublisher(MemoryPublisher):
    """Appends to the topics of `publisher`."""

    def __init__(self, publisher: MemoryPublisher, hook: Hook) -> None:
        super().__init__()
        self._publisher = publisher
        self._hook = hook

    async def memberships(self, changes: Sequence[MembershipChange]) -> None:
        await self._publish(self._publisher.memberships, changes)

    async def reevaluations(self, commands: Sequence[Reevaluation]) -> None:
        await self._publish(self._publisher.reevaluations, commands)

    async def park(self, messages: Sequence[Parked]) -> None:
        await self._publish(self._publisher.park, messages)

    async def _publish(self, publish: Callable[[Sequence[T]], Awaitable[None]], messages: Sequence[T]) -> None:
        for half in halves(messages):
            await self._hook()
            await publish(half)
        await self._hook()


def halves(items: Sequence[T]) -> list[Sequence[T]]:
    middle = (len(items) + 1) // 2
    return [half for half in (items[:middle], items[middle:]) if half]
