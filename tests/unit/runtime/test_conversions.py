"""A lead that is converted hands over to its contact why it stood where it did (decision 0004)."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.documents import Rule
from schemas.events import Change
from workers.runtime.reapply import Reapplier

from .crm import ACME, ANN, JOE, JOES_LEAD, change, rule
from .histories import in_batches
from .routed import Routed, assert_nothing_is_owed, heard, memberships, routed, state
from .test_apply_crashes import Crashes, deliver

OPEN = rule("lead", "Oslo", "north")
WEST = rule("contact", "Bergen", "west")


def lead_of(email: str = "joe@acme.com") -> list[Change]:
    return [change(JOES_LEAD, "create", 1, Email=email, City="Rome"), change(JOES_LEAD, "update", 2, City="Oslo")]


def converting(contact: str = JOE, **fields: Any) -> list[Change]:
    """As Salesforce does it: an account, a contact, and the lead closed, so that no list shows it any more."""
    of_contact = {"Email": "joe@acme.com", "AccountId": ACME, "City": "Rome", **fields}
    return [
        change(ACME, "create", 3, Website="acme.com"),
        change(contact, "create", 3, **of_contact),
        change(JOES_LEAD, "update", 3, IsConverted=True, ConvertedContactId=contact, City="Closed"),
    ]


async def told_in_order(*rules: Rule, changes: list[Change]) -> Routed:
    acme = await routed(*rules)
    for each in changes:
        await acme.apply(each)
        await acme.settle()
    return acme


async def edited(acme: Routed, *rules: Rule) -> None:
    await acme.rules(*rules)
    while await acme.store.rule_set_queries.unapplied(1):
        await Reapplier(acme.store, acme.publisher).look(0)
        await acme.settle()


async def test_the_contact_stands_where_its_lead_stood() -> None:
    acme = await told_in_order(OPEN, changes=lead_of() + converting())
    assert acme.people() == {"joe@acme.com": ("north",)}
    assert (await acme.record(JOE)).imported
    person = (await acme.store.people.load([("acme", "joe@acme.com")]))["acme", "joe@acme.com"]
    assert [each for each, said in person.contributions.items() if not said.gone] == [JOE]
    (reason,) = person.contributions[JOE].segments["north"]
    assert (reason.rule_id, reason.list_id) == (OPEN.rule_id, OPEN.list_ids[0])


async def test_its_account_comes_along() -> None:
    acme = await told_in_order(OPEN, changes=lead_of() + converting())
    assert acme.accounts() == {"acme.com": ()}
    assert (await acme.record(ACME)).imported


async def test_the_lead_is_told_to_be_converted() -> None:
    acme = await told_in_order(OPEN, changes=lead_of() + converting())
    skip = await acme.skip(JOES_LEAD)
    assert skip is not None
    assert (skip.reason, skip.detail) == ("converted", JOE)


async def test_nobody_hears_of_it() -> None:
    acme = await told_in_order(OPEN, changes=lead_of() + converting())
    assert acme.told() == [("entered", "north", "joe@acme.com")]


async def test_the_lead_stands_until_the_contact_is_known() -> None:
    account, contact, closed = converting()
    acme = await told_in_order(OPEN, changes=[*lead_of(), account, closed])
    assert acme.people() == {"joe@acme.com": ("north",)}
    assert (await acme.record(JOES_LEAD)).imported
    await acme.apply(contact)
    await acme.settle()
    assert not (await acme.record(JOES_LEAD)).imported
    assert acme.told() == [("entered", "north", "joe@acme.com")]


async def test_a_lead_that_no_rule_selected_hands_nothing_over() -> None:
    acme = await told_in_order(OPEN, changes=[change(JOES_LEAD, "create", 1, City="Rome"), *converting()])
    assert acme.people() == {}
    skip = await acme.skip(JOES_LEAD)
    assert skip is not None
    assert skip.reason == "converted"


async def test_a_contact_of_another_address_moves_the_person() -> None:
    acme = await told_in_order(OPEN, changes=lead_of("joe@home.com") + converting())
    assert acme.people() == {"joe@acme.com": ("north",)}
    await acme.apply(change(JOE, "update", 4, Email="joe@work.com"))
    await acme.settle()
    assert acme.people() == {"joe@work.com": ("north",)}
    assert heard(acme.publisher.published_memberships) == memberships(acme.store)


async def test_own_lists_add_to_what_was_carried_over() -> None:
    acme = await told_in_order(OPEN, WEST, changes=lead_of() + converting(City="Bergen"))
    assert acme.people() == {"joe@acme.com": ("north", "west")}
    await acme.apply(change(JOE, "update", 4, City="Rome"))
    assert acme.people() == {"joe@acme.com": ("north",)}


async def test_who_is_deleted_leaves_and_returns() -> None:
    acme = await told_in_order(OPEN, changes=[*lead_of(), *converting(), change(JOE, "delete", 4)])
    assert acme.people() == {}
    await acme.apply(change(JOE, "undelete", 5, Email="joe@acme.com", AccountId=ACME))
    await acme.settle()
    assert acme.people() == {"joe@acme.com": ("north",)}


async def test_a_purged_lead_has_handed_over_before() -> None:
    acme = await told_in_order(OPEN, changes=[*lead_of(), *converting(), change(JOES_LEAD, "delete", 4)])
    assert acme.people() == {"joe@acme.com": ("north",)}


async def test_what_was_carried_over_goes_with_its_rule_and_returns_with_it() -> None:
    acme = await told_in_order(OPEN, changes=lead_of() + converting())
    await edited(acme, OPEN.model_copy(update={"active": False}))
    assert acme.people() == {}
    await edited(acme, OPEN)
    assert acme.people() == {"joe@acme.com": ("north",)}


async def test_it_ends_when_the_rule_gives_up_the_list_unless_the_rule_keeps() -> None:
    other = OPEN.model_copy(update={"list_ids": ("lead-Rome",)})
    for on_leave, left in (("remove", {}), ("keep", {"joe@acme.com": ("north",)})):
        acme = await told_in_order(OPEN, changes=lead_of() + converting())
        await edited(acme, other.model_copy(update={"on_leave": on_leave}))
        assert acme.people() == left


async def test_a_rule_that_was_edited_just_before_counts() -> None:
    """The lead has not been evaluated under it yet, and is in no list any more when it is."""
    acme = await told_in_order(WEST, changes=lead_of())
    await acme.rules(OPEN)
    for each in converting():
        await acme.apply(each)
    await edited(acme, OPEN)
    assert acme.people() == {"joe@acme.com": ("north",)}


async def test_two_leads_may_become_one_contact() -> None:
    second = "00Q000000000002AAA"
    more = [
        change(second, "create", 1, Email="joe@home.com", City="Bergen"),
        change(second, "update", 3, IsConverted=True, ConvertedContactId=JOE, City="Closed"),
    ]
    acme = await told_in_order(OPEN, rule("lead", "Bergen", "west"), changes=lead_of() + converting() + more)
    assert acme.people() == {"joe@acme.com": ("north", "west")}


HISTORY = [
    *lead_of(),
    *converting(),
    change(ANN, "create", 4, Email="ann@acme.com", City="Bergen"),
    change(JOE, "update", 5, City="Bergen"),
]


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32), st.booleans())
def test_topics_in_any_order_and_batches_of_any_size_give_the_same(seed: int, settled: bool) -> None:
    async def run() -> None:
        random = Random(seed)
        acme, plain = await routed(OPEN, WEST), await told_in_order(OPEN, WEST, changes=HISTORY)
        batches = in_batches(HISTORY, random)
        for batch in batches + random.sample(batches, len(batches) // 2):
            await acme.apply(*batch)
            if settled:
                await acme.settle()
        await acme.settle()
        assert state(acme.store) == state(plain.store)
        assert acme.people()["joe@acme.com"] == ("north", "west")
        assert heard(acme.publisher.published_memberships) == memberships(acme.store)
        assert_nothing_is_owed(acme.store)

    asyncio.run(run())


@pytest.mark.parametrize("order", [HISTORY, [*HISTORY[:2], HISTORY[4], *HISTORY[2:4], *HISTORY[5:]]])
async def test_a_crash_at_any_call_is_made_good(order: list[Change]) -> None:
    story, counted, undisturbed = [[each] for each in order], Crashes([]), await routed(OPEN, WEST)
    await deliver(undisturbed, story, counted)
    assert counted.calls > 30
    for at in range(1, counted.calls + 1):
        crashed = await routed(OPEN, WEST)
        await deliver(crashed, story, Crashes([at]), joined=bool(at % 2))
        assert state(crashed.store) == state(undisturbed.store)
        assert_nothing_is_owed(crashed.store)
