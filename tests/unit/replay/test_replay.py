"""A replay changes nothing that is right, puts right what is not, and tells nobody."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import stamina

from schemas.documents import Member, Record
from schemas.events import Change
from schemas.topics import CHANGES
from workers.adapters.memory.publisher import MemoryPublisher
from workers.adapters.memory.reader import MemoryTopicReader
from workers.adapters.memory.store import memory_store
from workers.ports import Message, Store, Unavailable
from workers.replay.worker import Replayed, replay
from workers.runtime.apply import Applier

from ..runtime.crm import ACME, JOE, JOES_LEAD, change
from ..runtime.hooked import hooked_store
from ..runtime.routed import Routed, assert_nothing_is_owed, documents, heard, memberships, routed, state

PAST = (
    change(JOE, "create", 1, Email="joe@acme.com", City="Oslo", AccountId=ACME),
    change(JOE, "update", 2, Title="VP"),
    change(JOE, "update", 3, Email="joe@beta.com"),
    change(JOES_LEAD, "create", 1, Email="lea@lead.com", City="Oslo"),
    change(JOES_LEAD, "delete", 2),
    change(ACME, "create", 1, Website="acme.com", City="Rome"),
    change(ACME, "update", 2, Name="Acme"),
)


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3):
        yield


class FixedClock:
    def now_ms(self) -> int:
        return 42


def message(of: Change, offset: int = 0) -> Message:
    key = f"{of.team}:{of.record_id}".encode()
    return Message(CHANGES[of.entity].name, 0, offset, key, of.model_dump_json().encode())


async def replayed(store: Store, *past: Change, topics: MemoryPublisher | None = None, **more: Any) -> Replayed:
    reader = MemoryTopicReader(*([message(each)] for each in past))
    return await replay(reader, store, topics or MemoryPublisher(), FixedClock(), **more)


async def live(*past: Change) -> Routed:
    """What routing has made of it, batch by batch."""
    team = await routed()
    for each in past:
        await team.apply(each)
        await team.settle()
    return team


def everything(store: Store) -> list[Record | Member]:
    return [*documents(store.records).all(), *documents(store.people).all(), *documents(store.accounts).all()]


async def test_a_replay_changes_nothing_that_is_right() -> None:
    acme = await live(*PAST)
    before, silent = everything(acme.store), MemoryPublisher()
    result = await replayed(acme.store, *PAST, topics=silent)
    assert (result.changed, result.applied.read, result.unreadable) == (0, len(PAST), 0)
    assert everything(acme.store) == before
    assert (silent.published_memberships, silent.published_reevaluations, silent.parked) == ([], [], [])


async def test_a_part_of_the_past_changes_nothing_either() -> None:
    acme = await live(*PAST)
    assert (await replayed(acme.store, PAST[0], PAST[3], PAST[5])).changed == 0


@pytest.mark.parametrize("lost", [["people"], ["accounts"], ["people", "accounts", "records", "record_queries"]])
async def test_documents_that_are_lost_come_back(lost: list[str]) -> None:
    """Records only together with what was made of them: their revisions begin anew, and lower ones are ignored."""
    acme, topics, empty = await live(*PAST), MemoryPublisher(), memory_store()
    store: Store = replace(acme.store, **{each: getattr(empty, each) for each in lost})
    assert (await replayed(store, *PAST, topics=topics)).changed > 0
    await Applier(store, topics, FixedClock()).apply(topics.published_reevaluations)
    assert state(store) == state(acme.store)
    assert topics.published_memberships == []
    assert (await replayed(store, *PAST)).changed == 0


async def test_a_change_that_was_never_applied_is_applied() -> None:
    acme = await live(*PAST[:2])
    result = await replayed(acme.store, *PAST[:3])
    assert set(acme.people()) == {"joe@beta.com"}
    assert (result.applied.records_changed, result.applied.people_changed) == (1, 2)


async def test_what_a_replay_saw_first_is_announced_when_routing_comes_to_it() -> None:
    acme, silent = await live(*PAST[:2]), MemoryPublisher()
    await replayed(acme.store, *PAST, topics=silent)
    assert silent.published_memberships == []
    for each in PAST[2:]:
        await acme.apply(each)
    assert heard(acme.publisher.published_memberships) == memberships(acme.store) == {("acme", "north", "joe@beta.com")}
    assert_nothing_is_owed(acme.store)


async def test_only_the_named_team_is_replayed() -> None:
    both = await routed()
    await both.rules(*(await both.store.rule_sets.load([("acme", "acme")]))["acme", "acme"].rules, team="beta")
    past = [change(JOE, "create", 1, team, Email="joe@acme.com", City="Oslo") for team in ("acme", "beta")]
    result = await replayed(both.store, *past, team="beta")
    assert (both.people(), both.people("beta")) == ({}, {"joe@acme.com": ("north",)})
    assert result.applied.read == 1


async def test_what_cannot_be_read_is_counted_and_not_parked_again() -> None:
    acme, topics = await routed(), MemoryPublisher()
    reader = MemoryTopicReader([Message(CHANGES["contact"].name, 0, 0, None, b"{"), message(PAST[0])])
    result = await replay(reader, acme.store, topics, FixedClock())
    assert (result.unreadable, result.applied.read, topics.parked) == (1, 1, [])
    assert set(acme.people()) == {"joe@acme.com"}


async def test_progress_is_told_batch_by_batch() -> None:
    acme = await routed()
    reads: list[int] = []
    await replayed(acme.store, *PAST[:3], progress=lambda so_far: reads.append(so_far.applied.read))
    assert reads == [1, 2, 3]


async def test_an_empty_stretch_is_fine() -> None:
    assert (await replayed((await routed()).store)).changed == 0


@pytest.mark.parametrize(("failures", "ends_well"), [(2, True), (3, False)])
async def test_a_store_that_is_away_is_waited_for_with_a_bound(failures: int, ends_well: bool) -> None:
    acme = await routed()
    left = [Unavailable("MongoDB does not answer")] * failures

    async def away() -> None:
        if left:
            raise left.pop()

    replaying = replayed(hooked_store(acme.store, away), PAST[0])
    if ends_well:
        assert (await replaying).changed > 0
    else:
        with pytest.raises(Unavailable, match="MongoDB"):
            await replaying
