"""Noting what has been announced, the same for every store."""

from __future__ import annotations

from schemas.documents import Member
from workers.ports import Store

from .samples import member


async def stored(store: Store, *members: Member) -> list[Member]:
    keys = [(each.team, each.key) for each in members]
    found = await store.people.load(keys)
    return [found[key] for key in keys]


async def test_what_was_announced_is_noted_and_nothing_else_changes(store: Store, team: str) -> None:
    await store.people.swap([member(team, "a@x", segments=("s1", "$s2")), member(team, "b@x", announced=("s1",))])
    await store.people.swap([member(team, "b@x", rev=1, announced=("s1",))])
    await store.people.swap([member(team, "c@x", segments=("s1",))])
    a, b, c = await stored(store, *(member(team, key) for key in ("a@x", "b@x", "c@x")))
    assert await store.people.note_announced([a, b]) == []
    noted = [a.model_copy(update={"announced": ("s1", "$s2")}), b.model_copy(update={"announced": ()}), c]
    assert await stored(store, a, b, c) == noted
    assert await store.people.swap(noted) == []


async def test_of_a_member_that_somebody_wrote_meanwhile_nothing_is_noted(store: Store, team: str) -> None:
    await store.people.swap([member(team, "a@x", segments=("s1",)), member(team, "b@x", segments=("s1",))])
    a, b = await stored(store, member(team, "a@x"), member(team, "b@x"))
    await store.people.swap([a.model_copy(update={"segments": ("s2",)})])
    assert a in await store.people.note_announced([a, b])
    now_a, now_b = await stored(store, a, b)
    assert (now_a.rev, now_a.announced, now_b.announced) == (2, (), ("s1",))


async def test_of_a_member_that_is_not_there_nothing_is_noted(store: Store, team: str) -> None:
    gone = member(team, "gone@x", rev=1)
    assert await store.people.note_announced([gone]) == [gone]
    assert await store.people.note_announced([]) == []
    assert await store.people.load([(team, "gone@x")]) == {}


async def test_teams_never_meet_in_what_is_noted(store: Store, team: str) -> None:
    mine, other = member(team, segments=("s1",)), member(f"{team}-b", segments=("s1",))
    await store.people.swap([mine, other])
    await store.people.note_announced([mine.model_copy(update={"rev": 1})])
    assert [each.announced for each in await stored(store, mine, other)] == [("s1",), ()]
