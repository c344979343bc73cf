"""What a merged record hands to its survivor, and what ends with it (decision 0005)."""

from __future__ import annotations

import asyncio
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.documents import Rule
from schemas.events import Change
from workers.core.survivors import NOT_MERGED

from .crm import ANN, JOE, JOES_LEAD, change, record_id, rule
from .histories import in_batches
from .routed import Routed, assert_nothing_is_owed, heard, memberships, routed, state
from .test_apply_crashes import Crashes, deliver

OPEN = rule("lead", "Oslo", "north")
WEST = rule("contact", "Bergen", "west")
BOB = record_id("contact", 3)


def merged(loser: str, survivor: str, at: int) -> list[Change]:
    """The event of a deletion, and what capture publishes once it has asked the org."""
    deleted = change(loser, "delete", at)
    return [deleted, deleted.model_copy(update={"survivor": survivor})]


LEAD = [
    change(JOES_LEAD, "create", 1, Email="joe@acme.com", City="Oslo"),
    change(JOE, "create", 2, Email="joe@acme.com", City="Rome"),
    change(JOES_LEAD, "update", 2, IsConverted=True, ConvertedContactId=JOE, City="Closed"),
]
OTHERS = [
    change(ANN, "create", 1, Email="ann@acme.com", City="Rome"),
    change(BOB, "create", 1, Email="bob@acme.com", City="Rome"),
]


async def told_in_order(*rules: Rule, changes: list[Change]) -> Routed:
    acme = await routed(*rules)
    for each in changes:
        await acme.apply(each)
        await acme.settle()
    return acme


async def test_what_came_by_a_converted_lead_goes_over_to_the_survivor() -> None:
    acme = await told_in_order(OPEN, changes=LEAD + OTHERS + merged(JOE, ANN, 3))
    assert acme.people() == {"ann@acme.com": ("north",)}
    assert heard(acme.publisher.published_memberships) == memberships(acme.store)


async def test_and_on_to_the_survivor_of_the_survivor() -> None:
    acme = await told_in_order(OPEN, changes=LEAD + OTHERS + merged(JOE, ANN, 3) + merged(ANN, BOB, 4))
    assert acme.people() == {"bob@acme.com": ("north",)}
    assert (await acme.record(BOB)).losers == (JOE, ANN)


async def test_a_lead_that_is_known_to_be_converted_late_finds_the_survivor_of_its_contact() -> None:
    created, contact, converted = LEAD
    history = [created, contact, *OTHERS, *merged(JOE, ANN, 3), *merged(ANN, BOB, 4), converted]
    acme = await told_in_order(OPEN, changes=history)
    assert acme.people() == {"bob@acme.com": ("north",)}


async def test_the_lists_of_the_loser_end_with_it() -> None:
    joined = [change(JOE, "create", 2, Email="joe@acme.com", City="Bergen"), *OTHERS]
    acme = await told_in_order(WEST, changes=joined + merged(JOE, ANN, 3))
    assert acme.people() == {}


async def test_a_loser_that_is_undeleted_is_a_record_of_its_own_again() -> None:
    back = change(ANN, "undelete", 5, Email="ann@acme.com", City="Rome")
    acme = await told_in_order(OPEN, changes=LEAD + OTHERS + merged(JOE, ANN, 3) + merged(ANN, BOB, 4) + [back])
    assert acme.people() == {"ann@acme.com": ("north",)}
    assert (await acme.record(ANN)).survivor is None


async def test_a_deletion_that_was_none_of_a_merge_ends_all() -> None:
    acme = await told_in_order(OPEN, changes=LEAD + OTHERS + merged(JOE, NOT_MERGED, 3))
    assert acme.people() == {}
    assert (await acme.record(JOE)).survivor == NOT_MERGED


async def test_a_survivor_that_is_not_known_yet_takes_over_when_it_is() -> None:
    ann, _ = OTHERS
    acme = await told_in_order(OPEN, changes=[*LEAD, *merged(JOE, ANN, 3)])
    assert acme.people() == {}
    await acme.apply(ann)
    await acme.settle()
    assert acme.people() == {"ann@acme.com": ("north",)}


async def test_records_that_seem_to_be_merged_into_each_other_are_not_told_for_ever() -> None:
    """The one merged, undeleted, and the other merged into it: without the undeletion in between, which comes late."""
    back = change(JOE, "undelete", 4, Email="joe@acme.com", City="Rome")
    acme = await told_in_order(OPEN, changes=LEAD + OTHERS + merged(JOE, ANN, 3) + merged(ANN, JOE, 5))
    assert acme.people() == {}
    await acme.apply(back)
    await acme.settle()
    assert acme.people() == {"joe@acme.com": ("north",)}


HISTORY = [
    *LEAD,
    *OTHERS,
    *merged(JOE, ANN, 3),
    change(ANN, "update", 3, City="Bergen"),
    *merged(ANN, BOB, 5),
    change(BOB, "update", 5, City="Bergen"),
    change(ANN, "undelete", 6, Email="ann@home.com", City="Rome"),
    *merged(ANN, BOB, 7),
]


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32), st.booleans())
def test_in_any_order_and_batches_of_any_size_the_same_comes_of_it(seed: int, one_by_one: bool) -> None:
    async def run() -> None:
        random = Random(seed)
        acme, plain = await routed(OPEN, WEST), await told_in_order(OPEN, WEST, changes=HISTORY)
        batches = [[each] for each in _interleaved(random)] if one_by_one else in_batches(HISTORY, random)
        for batch in batches + random.sample(batches, len(batches) // 2):
            await acme.apply(*batch)
            if random.random() < 0.5:
                await acme.settle()
        await acme.settle()
        assert acme.people() == {"bob@acme.com": ("north", "west")}
        assert state(acme.store) == state(plain.store)
        assert heard(acme.publisher.published_memberships) == memberships(acme.store)
        assert_nothing_is_owed(acme.store)

    asyncio.run(run())


def _interleaved(random: Random) -> list[Change]:
    """Partitions of a topic are as independent as topics: only the changes of one record keep their order."""
    left = [[each for each in HISTORY if each.record_id == record] for record in (JOE, ANN, BOB, JOES_LEAD)]
    arrived: list[Change] = []
    while left := [part for part in left if part]:
        arrived.append(random.choice(left).pop(0))
    return arrived


async def test_a_crash_at_any_call_is_made_good() -> None:
    story, counted, undisturbed = [[each] for each in HISTORY], Crashes([]), await routed(OPEN, WEST)
    await deliver(undisturbed, story, counted)
    assert counted.calls > 30
    for at in range(1, counted.calls + 1):
        crashed = await routed(OPEN, WEST)
        await deliver(crashed, story, Crashes([at]), joined=bool(at % 2))
        assert state(crashed.store) == state(undisturbed.store)
        assert_nothing_is_owed(crashed.store)
