"""Segments that people make, name, fill and delete."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from schemas.documents import Segment
from schemas.events import MembershipChange
from tests.unit.runtime.crm import JOE, change, rule
from tests.unit.runtime.routed import Routed, assert_nothing_is_owed, heard, memberships, routed
from workers.adapters.memory.publisher import MemoryPublisher
from workers.console.audit import entries
from workers.console.rules import rule_in
from workers.console.segments import (
    check_destination,
    delete_segment,
    make_segment,
    planned_segment,
    put_members,
    rename_segment,
    segment_of,
    segments_of,
    take_members,
)
from workers.ports import Refused, Unavailable
from workers.runtime.edits import By, rule_set_of
from workers.runtime.members import MemberWriter

TEAM = "acme"
BY = By("ann", 5)


class Hands:
    """A team whose rules feed the segment `north`, and somebody at the command line."""

    def __init__(self, team: Routed) -> None:
        self.team = team
        self.store = team.store
        self.writer = MemberWriter(team.publisher)

    async def put(self, segment: str, *names: str) -> Segment:
        return await put_members(self.store, self.writer, TEAM, segment, names, BY)

    async def take(self, segment: str, *names: str) -> Segment:
        return await take_members(self.store, self.writer, TEAM, segment, names, BY)

    async def delete(self, segment: str) -> Segment:
        return await delete_segment(self.store, self.writer, TEAM, segment, BY)


@pytest.fixture
async def hands() -> Hands:
    team = await routed(rule("contact", "Oslo", "north"))
    for name, entity in (("North", "contact"), ("VIPs", "contact"), ("Firms", "account")):
        await make_segment(
            team.store, planned_segment(TEAM, name, "account" if entity == "account" else "contact", 1), BY
        )
    return Hands(team)


# --- members ---------------------------------------------------------------------------------------------------------


async def test_somebody_whom_no_rule_knows_is_put_in_and_taken_out(hands: Hands) -> None:
    await hands.put("vips", " Joe@ACME.com", "ann@acme.com")
    assert hands.team.people() == {"ann@acme.com": ("vips",), "joe@acme.com": ("vips",)}
    await hands.take("VIPs", "joe@acme.com")
    assert hands.team.people() == {"ann@acme.com": ("vips",)}
    assert hands.team.told() == [
        ("entered", "vips", "joe@acme.com"),
        ("entered", "vips", "ann@acme.com"),
        ("left", "vips", "joe@acme.com"),
    ]
    assert_nothing_is_owed(hands.store)


async def test_accounts_are_put_in_by_their_domain(hands: Hands) -> None:
    await hands.put("firms", "https://www.acme.com/about")
    assert hands.team.accounts() == {"acme.com": ("firms",)}


async def test_who_is_there_already_is_not_announced_again(hands: Hands) -> None:
    await hands.team.apply(change(JOE, "create", 1, City="Oslo", Email="joe@acme.com"))
    await hands.put("north", "joe@acme.com")
    await hands.put("north", "joe@acme.com")
    assert hands.team.told() == [("entered", "north", "joe@acme.com")]


async def test_whom_a_hand_holds_stays_when_the_rule_lets_go_and_the_other_way_round(hands: Hands) -> None:
    await hands.put("north", "joe@acme.com")
    await hands.team.apply(change(JOE, "create", 1, City="Oslo", Email="joe@acme.com"))
    await hands.take("north", "joe@acme.com")
    assert hands.team.people() == {"joe@acme.com": ("north",)}
    await hands.put("north", "joe@acme.com")
    await hands.team.apply(change(JOE, "delete", 2))
    assert hands.team.people() == {"joe@acme.com": ("north",)}
    assert hands.team.told() == [("entered", "north", "joe@acme.com")]


async def test_whom_a_rule_holds_cannot_be_taken_out(hands: Hands) -> None:
    await hands.team.apply(change(JOE, "create", 1, City="Oslo", Email="joe@acme.com"))
    with pytest.raises(Refused, match=r"joe@acme.com is in segment “North” by a rule: `segment-sync explain acme joe"):
        await hands.take("north", "joe@acme.com")


@pytest.mark.parametrize(
    ("segment", "name", "said"),
    [
        ("vips", "acme.com", "'acme.com' is no e-mail address"),
        ("vips", "", "'' is no e-mail address"),
        ("firms", "joe", "'joe' is no domain"),
        ("nobody", "joe@acme.com", "team acme has no segment “nobody”; it has: Firms, North, VIPs"),
    ],
)
async def test_what_cannot_be_put_in_is_named(hands: Hands, segment: str, name: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        await hands.put(segment, "ann@acme.com" if segment == "vips" else "beta.com", name)
    assert hands.team.people() == hands.team.accounts() == {}


class Dying(MemoryPublisher):
    """Publishes, and dies before anybody could note it."""

    async def memberships(self, changes: Sequence[MembershipChange]) -> None:
        await super().memberships(changes)
        raise Unavailable("killed")


@pytest.mark.parametrize("kept", [True, False])
async def test_what_a_crash_interrupted_is_finished_by_the_next_call(hands: Hands, kept: bool) -> None:
    dying = Dying()
    with pytest.raises(Unavailable, match="killed"):
        await put_members(hands.store, MemberWriter(dying), TEAM, "vips", ["joe@acme.com", "ann@acme.com"], BY)
    published = dying.published_memberships if kept else []
    await hands.put("vips", "eve@acme.com")
    assert set(hands.team.people()) == {"ann@acme.com", "eve@acme.com", "joe@acme.com"}
    told = [*published, *hands.team.publisher.published_memberships]
    assert heard(told) == memberships(hands.store)
    assert_nothing_is_owed(hands.store)


# --- names -----------------------------------------------------------------------------------------------------------


async def test_a_segment_gets_another_name_and_keeps_its_id(hands: Hands) -> None:
    await rename_segment(hands.store, TEAM, "VIPs", "Key people", BY)
    assert (await segment_of(hands.store, TEAM, "Key people")).segment_id == "vips"
    await rename_segment(hands.store, TEAM, "vips", "key PEOPLE", BY)
    with pytest.raises(Refused, match="has a segment “NORTH” already"):
        await rename_segment(hands.store, TEAM, "vips", "NORTH", BY)
    with pytest.raises(Refused, match="at least one letter"):
        await rename_segment(hands.store, TEAM, "vips", "  ", BY)


async def test_a_name_that_another_segment_was_given_is_taken(hands: Hands) -> None:
    await rename_segment(hands.store, TEAM, "vips", "Key people", BY)
    with pytest.raises(Refused, match=r"has a segment “Key people” \(vips\) already"):
        await make_segment(hands.store, planned_segment(TEAM, "key people", "contact", 9), BY)
    with pytest.raises(Refused, match=r"has a segment “Key people” \(vips\) already"):
        await make_segment(hands.store, planned_segment(TEAM, "VIPs", "contact", 9), BY)


async def test_who_did_what_is_in_the_audit_log(hands: Hands) -> None:
    await hands.put("vips", "joe@acme.com")
    await rename_segment(hands.store, TEAM, "vips", "Key people", By("joe", 6))
    await delete_segment(hands.store, hands.writer, TEAM, "vips", By("eve", 7))
    said = [(entry.who, entry.what) for entry in await entries(hands.store, TEAM) if "vips" in entry.what]
    assert said == [
        ("eve", "segment vips deleted: “Key people”"),
        ("joe", "segment vips renamed: “VIPs” is now “Key people”"),
        ("ann", "segment vips: joe@acme.com put in by hand"),
        ("ann", "segment vips created: “VIPs”, holds people"),
    ]


# --- deletion --------------------------------------------------------------------------------------------------------


async def test_who_was_put_in_by_hand_leaves_a_segment_that_is_deleted(hands: Hands) -> None:
    await hands.put("vips", "joe@acme.com")
    await hands.delete("vips")
    await hands.delete("vips")
    assert [each.segment_id for each in await segments_of(hands.store, TEAM)] == ["firms", "north"]
    assert hands.team.people() == {}
    assert hands.team.told() == [("entered", "vips", "joe@acme.com"), ("left", "vips", "joe@acme.com")]


async def test_a_segment_that_a_rule_feeds_is_not_deleted(hands: Hands) -> None:
    with pytest.raises(Refused, match=r"segment “North” is fed by contact-Oslo-north: .*--remove-members"):
        await hands.delete("north")
    await hands.team.rules(rule("contact", "Oslo", "north", active=False))
    await hands.delete("north")
    of_north = rule_in(await rule_set_of(hands.store, TEAM), "contact-Oslo-north")
    with pytest.raises(Refused, match=r"feeds segment “North”, which was deleted: .*rules edit acme contact-Oslo"):
        await check_destination(hands.store, TEAM, of_north)


async def test_a_deleted_segment_can_be_made_again(hands: Hands) -> None:
    await hands.delete("vips")
    with pytest.raises(Refused, match="has no segment “vips”"):
        await hands.put("vips", "joe@acme.com")
    await make_segment(hands.store, planned_segment(TEAM, "VIPs", "account", 9), BY)
    assert (await segment_of(hands.store, TEAM, "vips")).kind == "accounts"
    assert len([entry for entry in await entries(hands.store, TEAM) if "created: “VIPs”" in entry.what]) == 2
