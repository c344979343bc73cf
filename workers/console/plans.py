"""Edits of a team's rule set that are checked and not yet made: save one, or see before what it would do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Generic, TypeVar

from schemas.documents import Member, Record, Segment
from schemas.events import Entity
from workers.console.segments import check_name, make_segment
from workers.core.evaluation import CompiledRuleSet, Related, evaluate
from workers.core.preview import ACCOUNTS, PEOPLE, Comparison, Preview, extrapolated, only_the_org_tells
from workers.ports import Documents, Store
from workers.runtime.edits import By, RuleSetEdit, edit_rule_set, edited, rule_set_of
from workers.runtime.relations import Relations
from workers.runtime.rule_sets import compiled_for

T = TypeVar("T")

EXACT_RECORDS = 50_000
"""An entity with more is judged by a sample: a record takes 170 us of CPU, and the answer must come in seconds."""

SAMPLE_RECORDS = 20_000
"""A share of 1 % is then within 0.14 points (one standard deviation: the root of 0.01 * 0.99 / 20,000 is 0.07)."""

PAGE = 500

Advance = Callable[[int, int], None]
"""Told how many records are done, and of how many."""


@dataclass(frozen=True, slots=True)
class Plan(Generic[T]):
    team: str
    entity: Entity
    edit: RuleSetEdit[T]
    segment: Segment | None = None
    """To be made first."""


async def save(store: Store, plan: Plan[T], by: By) -> T:
    """Raises Refused when the segment's name is taken."""
    if plan.segment is not None:
        await make_segment(store, plan.segment, by)
    return await edit_rule_set(store, plan.team, plan.edit, by)


async def preview(store: Store, plan: Plan[T], by: By, advance: Advance) -> Preview:
    """What saving the plan would do, from the mirror; nothing is written. Raises Refused for what `save` refuses."""
    if plan.segment is not None:
        await check_name(store, plan.segment)
    rule_set = await rule_set_of(store, plan.team)
    after, _ = edited(rule_set, plan.edit, by)
    look = Look(store, plan.team, compiled_for(rule_set, by.now_ms), compiled_for(after, by.now_ms))
    found = Preview(records=(await store.record_queries.count(plan.team)).get(plan.entity, 0))
    async for page in _pages(store, plan, found.records):
        await look.at(page)
        found.looked_at += len(page)
        advance(found.looked_at, found.records if found.records <= EXACT_RECORDS else SAMPLE_RECORDS)
    found.records = max(found.records, found.looked_at)
    await look.at_joined_accounts()
    await look.count(found)
    labels = {list_id: definition.label for list_id, definition in after.lists.items()}
    found.needs_org = {labels[each]: why for each, why in only_the_org_tells(look.after, plan.entity).items()}
    return extrapolated(found)


async def _pages(store: Store, plan: Plan[T], records: int) -> AsyncIterator[list[Record]]:
    if records > EXACT_RECORDS:
        for sampled in chunks(await store.record_queries.sample(plan.team, plan.entity, SAMPLE_RECORDS)):
            yield sampled
        return
    page: list[Record] = []
    async for record in store.record_queries.living(plan.team, plan.entity):
        page.append(record)
        if len(page) == PAGE:
            yield page
            page = []
    if page:
        yield page


@dataclass(slots=True)
class Look:
    """Evaluates records of a team twice and keeps what differs."""

    store: Store
    team: str
    before: CompiledRuleSet
    after: CompiledRuleSet
    comparison: Comparison

    def __init__(self, store: Store, team: str, before: CompiledRuleSet, after: CompiledRuleSet) -> None:
        self.store, self.team, self.before, self.after = store, team, before, after
        self.comparison = Comparison()

    async def at(self, page: Sequence[Record]) -> None:
        related = await self._related(page)
        for record in page:
            near = related[self.team, record.record_id]
            self.comparison.add(record, evaluate(record, near, self.before), evaluate(record, near, self.after))

    async def _related(self, page: Sequence[Record]) -> dict[tuple[str, str], Related]:
        """With all that either rule set reads."""
        both = replace(self.after, account_fields=self.before.account_fields | self.after.account_fields)
        records = {(self.team, record.record_id): record for record in page}
        return await Relations(self.store).of(records, {self.team: both})

    async def at_joined_accounts(self) -> None:
        """Accounts come along with contacts, so those that contacts join or leave are judged too."""
        comparison = self.comparison
        for ids in chunks(sorted(comparison.joined_accounts())):
            for account in (await self.store.records.load([(self.team, each) for each in ids])).values():
                was, will = (account.record_id in side.followed for side in (comparison.before, comparison.after))
                comparison.add(
                    account,
                    evaluate(account, Related(has_imported_contacts=was), self.before),
                    evaluate(account, Related(has_imported_contacts=will), self.after),
                )

    async def count(self, found: Preview) -> None:
        for kind, members in ((PEOPLE, self.store.people), (ACCOUNTS, self.store.accounts)):
            moving = await self._members(members, self.comparison.moving(kind))
            found.imported[kind], segments = self.comparison.moves(kind, moving)
            found.segments |= segments
        found.skipped = dict(self.comparison.after.skipped)
        found.fields = dict(self.comparison.fields)

    async def _members(self, members: Documents[Member], keys: Iterable[str]) -> dict[str, Member]:
        found: dict[str, Member] = {}
        for page in chunks(keys):
            loaded = await members.load([(self.team, key) for key in page])
            found |= {key: member for (_, key), member in loaded.items()}
        return found


def chunks(items: Iterable[T], size: int = PAGE) -> Iterable[list[T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
