"""However changes arrive, what is stored in the end is what they mean all together."""

from __future__ import annotations

import asyncio
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.documents import Rule
from schemas.events import Change
from workers.runtime.reapply import Reapplier

from .histories import RULE_SETS, deliveries, jumbled, pasts
from .routed import Routed, assert_nothing_is_owed, expected, heard, memberships, routed, state


async def assert_converged(team: Routed, past: list[Change]) -> None:
    rule_sets = await team.store.rule_sets.load([("acme", "acme")])
    assert state(team.store) == expected(past, list(rule_sets.values()))
    assert heard(team.publisher.published_memberships) == memberships(team.store)
    assert_nothing_is_owed(team.store)


@settings(max_examples=150, deadline=None)
@given(pasts(), st.integers(0, 2**32), st.sampled_from(RULE_SETS))
def test_any_order_with_duplicates_gives_the_same(past: list[Change], seed: int, rules: tuple[Rule, ...]) -> None:
    async def run() -> None:
        acme = await routed(*rules)
        for batch in jumbled(past, Random(seed)):
            await acme.apply(*batch)
        await acme.settle()
        await assert_converged(acme, past)

    asyncio.run(run())


@settings(max_examples=100, deadline=None)
@given(deliveries())
def test_who_enters_and_leaves_takes_turns(batches: list[list[Change]]) -> None:
    async def run() -> None:
        acme = await routed()
        for batch in batches:
            await acme.apply(*batch)
            await acme.settle()
        inside: set[tuple[str, str]] = set()
        for kind, segment, member in acme.told():
            assert ((segment, member) in inside) == (kind == "left")
            inside ^= {(segment, member)}

    asyncio.run(run())


@settings(max_examples=100, deadline=None)
@given(pasts(), st.integers(0, 2**32), st.lists(st.sampled_from(RULE_SETS), min_size=1, max_size=3))
def test_rules_edited_in_between_count_for_everything(
    past: list[Change], seed: int, edits: list[tuple[Rule, ...]]
) -> None:
    async def run() -> None:
        acme, random, left = await routed(), Random(seed), list(edits)
        for batch in jumbled(past, random):
            if left and random.random() < 0.3:
                await acme.rules(*left.pop())
            await acme.apply(*batch)
            if random.random() < 0.2:
                await Reapplier(acme.store, acme.publisher).look(0)
        while await acme.store.rule_set_queries.unapplied(1):
            await Reapplier(acme.store, acme.publisher).look(0)
            await acme.settle()
        await acme.settle()
        await assert_converged(acme, past)

    asyncio.run(run())
