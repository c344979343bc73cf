"""The routing process: every message of a batch is written or parked before `handle` returns."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
import stamina

from schemas.documents import Record
from schemas.events import Change, Parked, Reevaluation
from schemas.topics import CHANGES, REEVALUATIONS
from workers.adapters.memory.publisher import MemoryPublisher
from workers.ports import Handler, Message, Records, Refused, Unavailable
from workers.routing.worker import Routing

from ..runtime.crm import ANN, JOE, change, command, record_id, rule
from ..runtime.routed import Routed, routed

ATTEMPTS = 3
CONTACTS = CHANGES["contact"].name


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=ATTEMPTS):
        yield


class FixedClock:
    def now_ms(self) -> int:
        return 42


def message(of: Change | Reevaluation, offset: int = 0) -> Message:
    topic = CHANGES[of.entity] if isinstance(of, Change) else REEVALUATIONS
    return Message(topic.name, 2, offset, f"{of.team}:{of.record_id}".encode(), of.model_dump_json().encode())


def unstorable(at: int = 1) -> Change:
    """No key of a document may hold a dot."""
    dotted: dict[str, Any] = {"a.b": 1}
    return change(JOE, "update", at, **dotted)


def contact(number: int, at: int = 1) -> Change:
    return change(record_id("contact", number), "create", at, Email=f"p{number}@acme.com", City="Oslo")


class Refusing:
    """Records of which some are refused for good, and which is sometimes away."""

    def __init__(self, records: Records, refused: Sequence[str] = (), away: int = 0) -> None:
        self._records = records
        self._refused = set(refused)
        self._away = away
        self.load, self.scan, self.note_unchanged = records.load, records.scan, records.note_unchanged
        self.tried = 0

    async def swap(self, documents: Sequence[Record]) -> list[Record]:
        self.tried += 1
        if self._away > 0:
            self._away -= 1
            raise Unavailable("MongoDB does not answer")
        if bad := self._refused & {record.record_id for record in documents}:
            raise Refused(f"records {min(bad)} cannot be stored")
        return await self._records.swap(documents)


def routing(team: Routed, publisher: MemoryPublisher | None = None, records: Refusing | None = None) -> Routing:
    store = team.store if records is None else replace(team.store, records=records)
    return Routing(store, publisher or team.publisher, FixedClock())


async def test_a_batch_of_changes_is_written() -> None:
    acme = await routed()
    await routing(acme).handle([message(contact(1)), message(contact(2))])
    assert set(acme.people()) == {"p1@acme.com", "p2@acme.com"}


async def test_a_batch_of_commands_is_written() -> None:
    acme = await routed()
    await acme.apply(contact(1))
    await acme.rules(rule("contact", "Oslo", "renamed"))
    await routing(acme).handle([message(command(record_id("contact", 1)))])
    assert acme.people() == {"p1@acme.com": ("renamed",)}


async def test_poison_is_parked_with_its_position_and_the_rest_is_written() -> None:
    acme = await routed()
    poison = [Message(CONTACTS, 2, 6, b"acme:x", b"{"), Message(CONTACTS, 5, 9, None, b"")]
    await routing(acme).handle([message(contact(1)), *poison, message(contact(2))])
    assert [(p.topic, p.partition, p.offset, p.team, p.reason) for p in acme.publisher.parked] == [
        (CONTACTS, 2, 6, "acme", "malformed"),
        (CONTACTS, 5, 9, None, "malformed"),
    ]
    assert acme.publisher.parked[0].parked_at_ms == 42
    assert set(acme.people()) == {"p1@acme.com", "p2@acme.com"}


async def test_nothing_but_poison_is_handled() -> None:
    acme = await routed()
    await routing(acme).handle([Message(CONTACTS, 0, 1, None, b"{")])
    assert len(acme.publisher.parked) == 1


@pytest.mark.parametrize("bad", [1, 4, 7, 8])
async def test_halving_parks_exactly_the_record_that_cannot_be_stored(bad: int) -> None:
    acme = await routed()
    refusing = Refusing(acme.store.records, [record_id("contact", bad)])
    await routing(acme, records=refusing).handle([message(contact(n), offset=n) for n in range(1, 9)])
    [parked] = acme.publisher.parked
    assert (parked.partition, parked.offset, parked.reason) == (2, bad, "unsupported")
    assert record_id("contact", bad) in parked.detail
    assert Change.model_validate_json(parked.payload) == contact(bad)
    assert set(acme.people()) == {f"p{n}@acme.com" for n in range(1, 9) if n != bad}


async def test_a_field_that_the_store_cannot_hold_is_parked() -> None:
    acme = await routed()
    await routing(acme).handle([message(unstorable()), message(contact(2))])
    assert [JOE in parked.payload for parked in acme.publisher.parked] == [True]
    assert set(acme.people()) == {"p2@acme.com"}


async def test_a_change_that_calls_a_record_something_else_is_parked() -> None:
    acme = await routed()
    await acme.apply(contact(1))
    other = contact(1, at=2).model_copy(update={"entity": "lead"})
    await routing(acme).handle([message(other), message(contact(2))])
    [parked] = acme.publisher.parked
    assert "is a contact, not a lead" in parked.detail
    assert set(acme.people()) == {"p1@acme.com", "p2@acme.com"}


async def test_rules_that_cannot_be_applied_stop_only_their_own_team() -> None:
    both = await routed()
    unknown_list = rule("contact", "Oslo", "north").model_copy(update={"list_ids": ("gone",)})
    await both.rules(unknown_list, team="broken")
    theirs = contact(1).model_copy(update={"team": "broken"})
    await routing(both).handle([message(theirs), message(contact(2))])
    [parked] = both.publisher.parked
    assert (parked.team, parked.reason) == ("broken", "unsupported")
    assert "the rules of team broken cannot be applied" in parked.detail
    assert set(both.people()) == {"p2@acme.com"}


async def test_other_changes_of_a_refused_record_are_written_when_they_can_be() -> None:
    acme = await routed()
    whole = change(JOE, "create", 1, Email="joe@acme.com", City="Oslo")
    await routing(acme).handle([message(unstorable(at=2)), message(whole)])
    assert (len(acme.publisher.parked), set(acme.people())) == (1, {"joe@acme.com"})


async def test_a_store_that_is_away_for_a_moment_is_waited_for() -> None:
    acme = await routed()
    away = Refusing(acme.store.records, away=ATTEMPTS - 1)
    await routing(acme, records=away).handle([message(contact(1))])
    assert (away.tried, set(acme.people()), acme.publisher.parked) == (ATTEMPTS, {"p1@acme.com"}, [])


async def test_a_store_that_stays_away_ends_the_batch_unacknowledged() -> None:
    acme = await routed()
    away = Refusing(acme.store.records, away=100)
    with pytest.raises(Unavailable, match="MongoDB"):
        await routing(acme, records=away).handle([message(contact(1)), message(contact(2))])
    assert (away.tried, acme.publisher.parked) == (ATTEMPTS, [])


class ParkingFails(MemoryPublisher):
    def __init__(self, times: int) -> None:
        super().__init__()
        self._times = times

    async def park(self, messages: Sequence[Parked]) -> None:
        self._times -= 1
        if self._times >= 0:
            raise Unavailable("Kafka does not answer")
        await super().park(messages)


@pytest.mark.parametrize("bad", [Message(CONTACTS, 0, 1, None, b"{"), message(unstorable())])
async def test_what_cannot_be_parked_is_not_acknowledged(bad: Message) -> None:
    acme = await routed()
    with pytest.raises(Unavailable, match="Kafka"):
        await routing(acme, ParkingFails(ATTEMPTS)).handle([bad])


async def test_parking_is_tried_again() -> None:
    publisher = ParkingFails(ATTEMPTS - 1)
    await routing(await routed(), publisher).handle([Message(CONTACTS, 0, 1, None, b"{")])
    assert len(publisher.parked) == 1


async def test_a_bug_is_neither_retried_nor_parked() -> None:
    acme = await routed()

    class Broken(Refusing):
        async def swap(self, documents: Sequence[Record]) -> list[Record]:
            self.tried += 1
            raise KeyError("bug")

    broken = Broken(acme.store.records)
    with pytest.raises(KeyError):
        await routing(acme, records=broken).handle([message(contact(1)), message(contact(2))])
    assert (broken.tried, acme.publisher.parked) == (1, [])


# --- the whole process -----------------------------------------------------------------------------------------------


class Feed:
    """A processor that hands over what it is given, then waits to be stopped."""

    ready = True

    def __init__(self, *batches: Sequence[Message]) -> None:
        self._batches = batches
        self.acknowledged = 0

    async def run(self, handle: Handler, stop: asyncio.Event) -> None:
        for batch in self._batches:
            await handle(batch)
            self.acknowledged += 1
        await stop.wait()


async def test_it_applies_rule_edits_while_it_runs_and_stops() -> None:
    acme, stop = await routed(), asyncio.Event()
    await acme.apply(change(ANN, "create", 1, Email="ann@acme.com", City="Bergen"))
    await acme.rules(rule("contact", "Oslo", None))
    running = asyncio.create_task(routing(acme).run(Feed([message(contact(1))]), stop))
    async with asyncio.timeout(10):
        while not acme.publisher.published_reevaluations:  # noqa: ASYNC110 - nothing signals a publication
            await asyncio.sleep(0)
    stop.set()
    await asyncio.wait_for(running, 10)
    assert [each.record_id for each in acme.publisher.published_reevaluations] == [ANN]
    assert "p1@acme.com" in acme.people()


async def test_what_cannot_be_handled_ends_the_process() -> None:
    acme = await routed()
    feed = Feed([message(contact(1))], [message(contact(2))], [message(contact(3))])
    away = Refusing(acme.store.records, away=100)
    with pytest.raises(ExceptionGroup) as raised:
        await routing(acme, records=away).run(feed, asyncio.Event())
    assert raised.group_contains(Unavailable)
    assert feed.acknowledged == 0
