"""F40: what we write comes back, while whoever writes, listens or routes dies again and again.

All in one process, so that a seed always dies at the same steps: a death is an exception at one of the writes to the
store, before or after it, and whoever comes next begins from what is stored.
"""

from __future__ import annotations

import json
import random
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, cast

import pytest

from schemas.documents import Insight
from schemas.events import Change, MembershipChange
from tests.faults.writeback.oracle import SCORE, written
from tests.integration.insights.loop import Loop
from tests.integration.insights.org_rig import TEAM, OrgRig
from workers.adapters.memory.documents import MemoryDocuments
from workers.capture.stream.digest import digest
from workers.ports import StreamBatch
from workers.runtime.apply import Applier

HOT_ABOVE = 50
"""A trigger puts contacts with such scores into another department, and so into a segment."""

PREFIXES = {"person": ("003", "00Q"), "account": ("001",)}
"""Of the records that a score is written to: leads and contacts contribute to accounts, too."""

DEATHS = 6
"""Of each worker, at most."""


class Death(Exception):
    """Nothing is tidied up after it."""


class Mortality:
    """One of the next writes to the store is the last thing that somebody does."""

    def __init__(self, rng: random.Random, patch: pytest.MonkeyPatch) -> None:
        self._rng = rng
        self._left: int | None = None
        self._after = False
        self.deaths = 0
        swap = MemoryDocuments.swap

        async def mortal(documents: MemoryDocuments[Insight], given: Sequence[Insight]) -> list[Insight]:
            self._step(after=False)
            lost = await swap(documents, given)
            self._step(after=True)
            return lost

        patch.setattr(MemoryDocuments, "swap", mortal)

    def order(self, steps: int) -> None:
        self._left, self._after = self._rng.randint(1, steps), self._rng.random() < 0.5

    def spare(self) -> None:
        self._left = None

    def _step(self, *, after: bool) -> None:
        if self._left is None or after is not self._after:
            return
        self._left -= 1
        if self._left == 0:
            self._left = None
            self.deaths += 1
            raise Death


class Echo:
    def __init__(self, rig: OrgRig, seed: int, patch: pytest.MonkeyPatch) -> None:
        self.rig, self.loop = rig, Loop(rig)
        self.rng = random.Random(f"F40:{seed}")
        self.mortality = Mortality(self.rng, patch)
        self.expected: dict[str, float] = {}
        self.echoes = 0
        """Records recognised as touched by us alone, by those who did not die over it."""

    async def play(self) -> list[str]:
        """What is wrong at the end."""
        await self.loop.begin()
        members, told = await self.loop.members(), len(self.loop.publisher.published_memberships)
        hot = await self._score()
        connection = (await self.rig.store.connections.load([(TEAM, TEAM)]))[TEAM, TEAM]
        batches = cast("AsyncGenerator[StreamBatch]", self.rig.orgs.stream(connection).events({}))
        async with aclosing(batches):
            await anext(batches)
            await self._write()
            changes = await self._heard(batches)
        await self._route(changes)
        news = self.loop.publisher.published_memberships[told:]
        return [*await self._values(), *await self._members(members, hot), *_strangers(news, hot), *await self._again()]

    async def _score(self) -> set[str]:
        """Everybody; the keys of those whom the trigger will move."""
        hot = set()
        for subject, documents in (("person", self.rig.store.people), ("account", self.rig.store.accounts)):
            async for member in documents.scan(TEAM):
                score = self.rng.randint(1, 400) / 4
                await self.rig.rescored(subject, member.key, score, 86_400_000)
                records = {each for each in member.contributions if each.startswith(PREFIXES[subject])}
                self.expected |= dict.fromkeys(records, score)
                if score > HOT_ABOVE and any(each.startswith("003") for each in records):
                    hot.add(member.key)
        return hot

    async def _write(self) -> None:
        """One run, carried on by whoever comes after a death."""
        for _ in range(self.rng.randint(1, DEATHS)):
            self.mortality.order(30)
            if await self._survived():
                break
        self.mortality.spare()
        assert await self._survived()

    async def _survived(self) -> bool:
        begun = [run async for run in self.rig.store.writeback_runs.scan(TEAM)]
        before = self.mortality.deaths
        try:
            await (self.rig.resume(begun[0]) if begun else self.rig.write_back())
        except* Death:
            pass
        return self.mortality.deaths == before

    async def _heard(self, batches: AsyncGenerator[StreamBatch]) -> list[Change]:
        """Until every record has been heard of."""
        changes: list[Change] = []
        while self.expected.keys() - {each.record_id for each in changes if SCORE in each.fields}:
            changes += digest(TEAM, (await anext(batches)).events).changes
        return changes

    async def _route(self, changes: list[Change]) -> None:
        """Listeners and routers die: what was not acknowledged comes again, and some that was, too."""
        acknowledged, deaths = 0, 0
        while acknowledged < len(changes):
            end = min(len(changes), acknowledged + self.rng.randint(1, 6))
            if deaths < DEATHS:
                self.mortality.order(5)
            if await self._applied(changes[acknowledged:end]):
                acknowledged = end
            else:
                deaths += 1
                acknowledged = max(0, acknowledged - self.rng.randint(0, 3))
            self.mortality.spare()
        while commands := list(self.loop.publisher.published_reevaluations):
            self.loop.publisher.published_reevaluations.clear()
            assert await self._applied(commands)

    async def _applied(self, messages: Sequence[Any]) -> bool:
        before = self.mortality.deaths
        try:
            applied = await Applier(self.rig.store, self.loop.publisher, self.rig.clock).apply(list(messages))
            self.echoes += applied.echoes
        except* Death:
            pass
        return self.mortality.deaths == before

    async def _values(self) -> list[str]:
        """O8, and the mirror."""
        async with self.rig.session.get(f"{self.rig.sandbox.base_url}/__admin__/ledger") as reply:
            found = written([json.loads(line) for line in (await reply.text()).splitlines()])
        wrong = [
            f"O8: {record_id} was given {found.values.get(record_id)} for {score}"
            for record_id, score in self.expected.items()
            if found.values.get(record_id) != [score]
        ]
        strangers = found.values.keys() - self.expected.keys()
        mirrored = {record.record_id: record.fields.get(SCORE) async for record in self.rig.store.records.scan(TEAM)}
        stale = [each for each, score in self.expected.items() if mirrored.get(each) != score]
        return wrong + [f"O8: {each} is a stranger" for each in strangers] + [f"{each} is stale" for each in stale]

    async def _members(self, before: dict[str, int], hot: set[str]) -> list[str]:
        """Whom only our own writes concern is not written again; whom the trigger moved, is."""
        after = await self.loop.members()
        people = {member.key: member async for member in self.rig.store.people.scan(TEAM)}
        imported = [f"{key} was written again" for key in before.keys() - hot if after[key] != before[key]]
        missed = [f"{key} is not hot" for key in hot if "hot" not in people[key].segments]
        return imported + missed

    async def _again(self) -> list[str]:
        """Nothing is left to write, and the org is not asked."""
        asked = self.rig.sandbox.stats.api_requests
        run = await self.rig.write_back()
        asked = self.rig.sandbox.stats.api_requests - asked
        return [f"loop gain: {run.planned} rows, {asked} calls"] if run.planned or asked else []


def _strangers(news: Sequence[MembershipChange], hot: set[str]) -> list[str]:
    return [f"announced: {each.member} {each.segment_id}" for each in news if each.member not in hot]
