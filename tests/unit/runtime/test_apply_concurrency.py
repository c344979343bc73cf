"""Several processes over one store: topics are partitioned by record, so that they meet at people and accounts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import Change, Reevaluation
from workers.runtime.apply import Applier
from workers.runtime.reapply import Reapplier

from .histories import RULE_SETS, jumbled, pasts
from .hooked import HookedPublisher, hooked_store
from .routed import Routed, assert_nothing_is_owed, expected, heard, memberships, routed, state


class GivingWay:
    """A hook that lets the others go first: mostly for a moment, now and then for several of their batches."""

    def __init__(self, random: Random) -> None:
        self._random = random

    async def __call__(self) -> None:
        turns = self._random.choice((0, 1, 2, 5, 200)) if self._random.random() < 0.2 else 0
        for _ in range(turns):
            await asyncio.sleep(0)


async def work(team: Routed, random: Random, batches: Sequence[Sequence[Change | Reevaluation]]) -> None:
    """One process, which takes commands too."""
    hook = GivingWay(random)
    applier = Applier(hooked_store(team.store, hook), HookedPublisher(team.publisher, hook), team.clock)
    for batch in batches:
        await applier.apply(batch)
        if random.random() < 0.5 and (commands := team.commands()):
            await applier.apply(commands)


async def replay(team: Routed, random: Random, batches: Sequence[Sequence[Change]]) -> None:
    """A process that reads the same again and announces nothing, perhaps before the others have come that far."""
    hook = GivingWay(random)
    applier = Applier(
        hooked_store(team.store, hook), HookedPublisher(team.publisher, hook), team.clock, announcing=False
    )
    for batch in batches:
        await applier.apply(batch)


async def edit(team: Routed, random: Random) -> None:
    """Edits, and a process that has them applied."""
    hook = GivingWay(random)
    reapplier = Reapplier(hooked_store(team.store, hook), HookedPublisher(team.publisher, hook))
    for rules in RULE_SETS[1:]:
        await GivingWay(random)()
        await team.rules(*rules)
        for _ in range(random.randint(1, 3)):
            await reapplier.look(0)


async def race(
    past: list[Change], random: Random, shares: Sequence[list[Change]], *, edited: bool = False, replayed: bool = False
) -> None:
    acme = await routed()
    async with asyncio.TaskGroup() as tasks:
        for share in shares:
            tasks.create_task(work(acme, random, jumbled(share, random)))
        if edited:
            tasks.create_task(edit(acme, random))
        if replayed:
            tasks.create_task(replay(acme, random, jumbled(past, random)))
    while edited and await acme.store.rule_set_queries.unapplied(1):
        await Reapplier(acme.store, acme.publisher).look(0)
        await acme.settle()
    await acme.settle()
    rule_sets = await acme.store.rule_sets.load([("acme", "acme")])
    assert state(acme.store) == expected(past, list(rule_sets.values()))
    assert heard(acme.publisher.published_memberships) == memberships(acme.store)
    assert_nothing_is_owed(acme.store)


@pytest.mark.parametrize("edited", [False, True], ids=["same rules", "rules edited"])
@settings(max_examples=120, deadline=None)
@given(past=pasts(), seed=st.integers(0, 2**32))
def test_processes_that_share_the_records_converge(past: list[Change], seed: int, edited: bool) -> None:
    records = sorted({each.record_id for each in past})
    shares = [[each for each in past if records.index(each.record_id) % 3 == process] for process in range(3)]
    asyncio.run(race(past, Random(seed), [share for share in shares if share], edited=edited))


@settings(max_examples=80, deadline=None)
@given(past=pasts(), seed=st.integers(0, 2**32))
def test_two_processes_that_both_believe_they_own_everything_converge(past: list[Change], seed: int) -> None:
    asyncio.run(race(past, Random(seed), [past, past]))


@settings(max_examples=80, deadline=None)
@given(past=pasts(), seed=st.integers(0, 2**32))
def test_a_replay_at_the_same_time_takes_no_announcement_away(past: list[Change], seed: int) -> None:
    asyncio.run(race(past, Random(seed), [past], replayed=True))
