"""The event bus: replay positions, retention, channels."""

from __future__ import annotations

import json
import random
import weakref
from itertools import pairwise

import pytest

from sandbox.org.events.change_events import ChangeEvent
from sandbox.org.events.log import ALL_CHANGES, REPLAY_ALL, REPLAY_NEW, EventLog, entity_channel

CONTACTS, LEADS = "/data/ContactChangeEvent", "/data/LeadChangeEvent"
RETENTION_SECONDS = 100.0


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log(clock: Clock) -> EventLog:
    return EventLog(("Contact", "Lead"), RETENTION_SECONDS, random.Random(1), clock)


def publish(log: EventLog, entity: str = "Contact", count: int = 1) -> list[int]:
    return [log.publish(ChangeEvent(entity, ("003000000000001AAA",), "schema", {"n": 1})) for _ in range(count)]


def ids(log: EventLog, channel: str, position: int, limit: int = 100) -> list[int]:
    return [event.replay_id for event in log.after(channel, position, limit)]


def test_replay_ids_grow_with_holes_and_are_in_the_data(log: EventLog) -> None:
    published = publish(log, count=50)
    steps = {later - earlier for earlier, later in pairwise(published)}
    assert min(steps) >= 1
    assert len(steps) > 1
    assert [json.loads(event.data)["event"]["replayId"] for event in log.after(CONTACTS, REPLAY_ALL, 50)] == published


def test_an_event_is_on_its_own_channel_and_on_the_common_one(log: EventLog) -> None:
    [contact], [lead] = publish(log), publish(log, "Lead")
    assert ids(log, CONTACTS, REPLAY_ALL) == [contact]
    assert ids(log, LEADS, REPLAY_ALL) == [lead]
    assert ids(log, ALL_CHANGES, REPLAY_ALL) == [contact, lead]


def test_new_events_only(log: EventLog) -> None:
    publish(log)
    position = log.start(CONTACTS, REPLAY_NEW)
    assert position is not None
    assert not log.has_after(CONTACTS, position)
    later = publish(log)
    assert log.has_after(CONTACTS, position)
    assert ids(log, CONTACTS, position) == later


def test_after_an_id_that_was_handed_out(log: EventLog) -> None:
    first, *later = publish(log, count=3)
    assert log.start(CONTACTS, first) == first
    assert ids(log, CONTACTS, first) == later
    assert ids(log, CONTACTS, first, limit=1) == later[:1]


def test_ids_that_were_never_handed_out_are_not_valid(log: EventLog) -> None:
    handed_out = set(publish(log, count=20))
    lead = publish(log, "Lead")[0]
    handed_out.update(publish(log))
    never = [one for one in range(min(handed_out), max(handed_out)) if one not in handed_out]
    assert never
    assert all(log.start(CONTACTS, one) is None for one in [*never, 0, -3, log.tip + 1, lead])


def test_the_tip_is_valid_on_every_channel_while_it_is_retained(log: EventLog, clock: Clock) -> None:
    assert log.start(CONTACTS, log.tip) == log.tip
    publish(log, "Lead")
    assert log.start(CONTACTS, log.tip) == log.tip
    clock.now += RETENTION_SECONDS + 1
    assert log.start(CONTACTS, log.tip) is None


def test_events_leave_after_the_retention(log: EventLog, clock: Clock) -> None:
    old = publish(log, count=2)
    clock.now += RETENTION_SECONDS
    young = publish(log)
    assert log.start(CONTACTS, old[1]) == old[1]
    clock.now += 1
    assert log.start(CONTACTS, old[1]) is None
    assert log.start(CONTACTS, young[0]) == young[0]
    assert ids(log, CONTACTS, REPLAY_ALL) == young
    assert ids(log, CONTACTS, old[0]) == young


def test_channel_names() -> None:
    assert entity_channel("Contact") == CONTACTS
    assert entity_channel("My__c") == "/data/My__ChangeEvent"


def test_nothing_expired_is_kept_on_a_channel_that_nobody_reads(clock: Clock) -> None:
    log = EventLog(("Contact",), RETENTION_SECONDS, random.Random(1), clock)
    for _ in range(50):
        publish(log, count=100)
        clock.now += RETENTION_SECONDS / 2
    assert [len(events) for events in log._channels.values()] == [300, 300]
    assert all(len(events._events) < 2_500 for events in log._channels.values())


def test_events_read_the_same_from_a_file(clock: Clock) -> None:
    held = EventLog(("Contact",), RETENTION_SECONDS, random.Random(1), clock)
    spilled = EventLog(("Contact",), RETENTION_SECONDS, random.Random(1), clock, in_memory=3)
    assert publish(held, count=20) == publish(spilled, count=20)
    told = [[event.data for event in log.after(CONTACTS, REPLAY_ALL, 100)] for log in (held, spilled)]
    assert told[0] == told[1]
    kept = [type(event._data) for event in spilled.after(CONTACTS, REPLAY_ALL, 100)]
    assert kept.count(bytes) == 3
    assert kept[-1] is bytes


def test_files_of_expired_events_go(clock: Clock) -> None:
    log = EventLog(("Contact",), RETENTION_SECONDS, random.Random(1), clock, in_memory=1)
    publish(log, count=5)
    file = weakref.ref(log._newest._file)
    assert file() is not None
    log.expire()
    log._newest._file = None
    assert file() is None


def test_expired_events_are_not_kept_to_be_spilled(clock: Clock) -> None:
    log = EventLog(("Contact",), RETENTION_SECONDS, random.Random(1), clock, in_memory=10)
    publish(log, count=10)
    clock.now += RETENTION_SECONDS + 1
    publish(log)
    assert len(log._newest._events) == 1


def test_a_retention_of_no_time(clock: Clock) -> None:
    log = EventLog(("Contact",), -1.0, random.Random(1), clock)
    publish(log, count=3)
    assert ids(log, CONTACTS, REPLAY_ALL) == []
