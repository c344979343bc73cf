"""What becomes of members when they leave a list, and when a rule is de-activated."""

from __future__ import annotations

from schemas.documents import Rule

from .crm import ANN, JOE, change, rule
from .routed import Routed, routed
from .test_reapply import look

OSLO, BERGEN = rule("contact", "Oslo", "north"), rule("contact", "Bergen", "north")
KEEPS = OSLO.model_copy(update={"on_leave": "keep"})
IDLE = OSLO.model_copy(update={"active": False})
RETAINS = IDLE.model_copy(update={"retains": True})


async def joe_in_oslo(*rules: Rule) -> Routed:
    acme = await routed(*rules)
    await acme.apply(change(JOE, "create", 1, Email="joe@acme.com", City="Oslo"))
    return acme


async def edited(acme: Routed, *rules: Rule) -> Routed:
    await acme.rules(*rules)
    while await look(acme):
        pass
    return acme


async def test_who_leaves_the_list_leaves_the_segment() -> None:
    acme = await joe_in_oslo(OSLO)
    await acme.apply(change(JOE, "update", 2, City="Rome"))
    assert acme.people() == {}


async def test_a_rule_that_keeps_freezes_whom_it_once_held() -> None:
    acme = await joe_in_oslo(KEEPS)
    await acme.apply(change(JOE, "update", 2, City="Rome"))
    await acme.apply(change(ANN, "create", 2, Email="ann@acme.com", City="Rome"))
    assert acme.people() == {"joe@acme.com": ("north",)}


async def test_a_frozen_member_s_fields_go_on_following_the_record() -> None:
    acme = await joe_in_oslo(KEEPS)
    await acme.apply(change(JOE, "update", 2, City="Rome", Title="CEO"))
    (person,) = [person async for person in acme.store.people.scan("acme")]
    assert person.fields["title"] == "CEO"


async def test_a_deleted_record_is_kept_by_nobody() -> None:
    acme = await joe_in_oslo(KEEPS)
    await acme.apply(change(JOE, "delete", 2))
    assert acme.people() == {}
    await acme.apply(change(JOE, "undelete", 3, Email="joe@acme.com", City="Rome"))
    assert acme.people() == {}


async def test_who_loses_the_email_and_gets_it_back_is_still_kept() -> None:
    acme = await joe_in_oslo(KEEPS)
    await acme.apply(change(JOE, "update", 2, City="Rome", Email=None))
    assert acme.people() == {}
    await acme.apply(change(JOE, "update", 3, Email="joe@acme.com"))
    assert acme.people() == {"joe@acme.com": ("north",)}


async def test_a_deactivated_rule_keeps_its_members_and_takes_no_new_ones() -> None:
    acme = await edited(await joe_in_oslo(OSLO), RETAINS)
    await acme.apply(change(ANN, "create", 2, Email="ann@acme.com", City="Oslo"))
    await acme.apply(change(JOE, "update", 3, City="Rome"))
    assert acme.people() == {"joe@acme.com": ("north",)}


async def test_a_deactivated_rule_can_let_its_members_go() -> None:
    acme = await edited(await joe_in_oslo(OSLO), IDLE)
    assert acme.people() == {}


async def test_those_stay_that_another_rule_holds() -> None:
    other = OSLO.model_copy(update={"rule_id": "other"})
    acme = await edited(await joe_in_oslo(OSLO, other), IDLE, other)
    assert acme.people() == {"joe@acme.com": ("north",)}


async def test_a_rule_that_is_active_again_selects_by_its_lists() -> None:
    acme = await edited(await joe_in_oslo(OSLO), RETAINS)
    await acme.apply(change(JOE, "update", 2, City="Rome"))
    await edited(acme, OSLO)
    assert acme.people() == {}


async def test_a_list_that_is_taken_out_of_a_rule_lets_its_members_go() -> None:
    both = OSLO.model_copy(update={"list_ids": (*OSLO.list_ids, *BERGEN.list_ids)})
    acme = await joe_in_oslo(both)
    await edited(acme, both.model_copy(update={"list_ids": BERGEN.list_ids}))
    assert acme.people() == {}
