"""A process that dies anywhere loses nothing: the next one reads the same messages again and finishes the work."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.documents import Rule
from schemas.events import Change, Reevaluation
from workers.runtime.apply import Applier
from workers.runtime.reapply import Reapplier

from .crm import ACME, JOE, change
from .histories import RULE_SETS, deliveries, in_batches, pasts
from .hooked import HookedPublisher, hooked_store
from .routed import Routed, assert_nothing_is_owed, expected, heard, memberships, routed, state

Batches = Sequence[Sequence[Change | Reevaluation]]


class Crash(Exception):
    """The process is gone."""


class Crashes:
    """A hook that raises at chosen calls, counted over all processes."""

    def __init__(self, at: Sequence[int]) -> None:
        self._at = set(at)
        self.calls = 0

    async def __call__(self) -> None:
        self.calls += 1
        if self.calls in self._at:
            raise Crash


async def deliver(team: Routed, batches: Batches, crashes: Crashes, *, joined: bool = False) -> None:
    """Every batch until it is applied, then the commands; a new process after each crash.

    `joined`: what is read again comes together with what follows, since batches are cut anew.
    """
    applier = process(team, crashes)
    todo = [list(batch) for batch in batches]
    while todo or (todo := [list(commands)] if (commands := team.commands()) else []):
        try:
            await applier.apply(todo[0])
        except Crash:
            applier = process(team, crashes)
            if joined and len(todo) > 1:
                todo[:2] = [todo[0] + todo[1]]
        else:
            todo.pop(0)


def process(team: Routed, crashes: Crashes) -> Applier:
    return Applier(hooked_store(team.store, crashes), HookedPublisher(team.publisher, crashes), team.clock)


async def assert_as_without_a_crash(batches: Batches, crashes: Crashes, *, joined: bool) -> None:
    undisturbed, crashed = await routed(), await routed()
    await deliver(undisturbed, batches, Crashes([]))
    await deliver(crashed, batches, crashes, joined=joined)
    assert state(crashed.store) == state(undisturbed.store)
    assert_nothing_is_owed(crashed.store)
    assert heard(crashed.publisher.published_memberships) == memberships(undisturbed.store)


STORY: Batches = [
    [change(ACME, "create", 1, Website="acme.com", City="Rome")],
    [change(JOE, "create", 1, Email="joe@acme.com", City="Oslo", AccountId=ACME)],
    [change(JOE, "update", 2, Title="VP")],
    [change(JOE, "update", 3, Email="joe@beta.com")],
    [change(JOE, "update", 4, City="Rome")],
]


@pytest.mark.parametrize("steps", range(2, len(STORY) + 1))
async def test_a_crash_at_any_call_is_made_good(steps: int) -> None:
    story, counted = STORY[:steps], Crashes([])
    await deliver(await routed(), story, counted)
    assert counted.calls > 20
    for at in range(1, counted.calls + 1):
        for joined in (False, True):
            await assert_as_without_a_crash(story, Crashes([at]), joined=joined)


async def test_crash_after_crash_is_made_good() -> None:
    for first in range(1, 60, 3):
        await assert_as_without_a_crash(STORY, Crashes([first, first + 5, first + 6, first + 20]), joined=True)


@settings(max_examples=150, deadline=None)
@given(deliveries(), st.lists(st.integers(1, 150), min_size=1, max_size=4), st.booleans())
def test_crashes_in_any_history_are_made_good(batches: list[list[Change]], at: list[int], joined: bool) -> None:
    asyncio.run(assert_as_without_a_crash(batches, Crashes(at), joined=joined))


async def deliver_and_edit(team: Routed, batches: Batches, crashes: Crashes, edits: Sequence[tuple[Rule, ...]]) -> None:
    """The rules are edited while a process is down, and another one has them applied before that one's messages come
    again."""
    todo, left = [list(batch) for batch in batches], list(edits)
    while todo or await team.store.rule_set_queries.unapplied(1):
        todo = todo or [list(team.commands())]
        try:
            await process(team, crashes).apply(todo[0])
            todo.pop(0)
        except Crash:
            if left:
                await team.rules(*left.pop())
        with suppress(Crash):
            hooked = hooked_store(team.store, crashes)
            await Reapplier(hooked, HookedPublisher(team.publisher, crashes)).look(0)


@settings(max_examples=150, deadline=None)
@given(
    pasts(),
    st.randoms(use_true_random=False),
    st.lists(st.integers(1, 150), min_size=1, max_size=4),
    st.permutations(RULE_SETS),
)
def test_rules_edited_after_a_crash_count_for_everything(
    past: list[Change], random: Random, at: list[int], edits: list[tuple[Rule, ...]]
) -> None:
    async def run() -> None:
        acme = await routed()
        await deliver_and_edit(acme, in_batches(past, random), Crashes(at), edits)
        await acme.settle()
        rule_sets = await acme.store.rule_sets.load([("acme", "acme")])
        assert state(acme.store) == expected(past, list(rule_sets.values()))
        assert heard(acme.publisher.published_memberships) == memberships(acme.store)
        assert_nothing_is_owed(acme.store)

    asyncio.run(run())
