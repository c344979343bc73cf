"""CometD sessions: who is known, who may subscribe to what, and how much one reply holds."""

from __future__ import annotations

import json
import random
from itertools import chain
from typing import Any

import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.store.org import Actor, Org, Write
from sandbox.org.streaming.sessions import Session, SessionTable, SubscribeError
from tests.unit.org.events.buses import open_bus

CONTACTS, LEADS, ALL = "/data/ContactChangeEvent", "/data/LeadChangeEvent", "/data/ChangeEvents"
CONFIG = OrgConfig(reconnect_window_seconds=40, connect_reply_max_bytes=5_000)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def org() -> Org:
    return Org(CONFIG)


@pytest.fixture
def table(org: Org, clock: Clock) -> SessionTable:
    return SessionTable(CONFIG, open_bus(org), random.Random(1), clock)


@pytest.fixture
def session(table: SessionTable) -> Session:
    return table.open("user")


def create(org: Org, object_name: str = "Contact", count: int = 1, **fields: object) -> None:
    actor = Actor(org.admin_user_id, "rest")
    for _ in range(count):
        org.commit([Write("create", object_name, None, {"LastName": "Doe", **fields})], actor)


def taken(table: SessionTable, session: Session) -> list[dict[str, Any]]:
    return [json.loads(message) for message in table.take(session)]


def replay_ids(messages: list[dict[str, Any]]) -> list[int]:
    return [message["data"]["event"]["replayId"] for message in messages]


def test_a_client_id_is_26_letters_or_digits(session: Session, table: SessionTable) -> None:
    assert len(session.client_id) == 26
    assert session.client_id.isalnum()
    assert table.find(session.client_id) is session


def test_a_client_that_stays_away_is_forgotten(session: Session, table: SessionTable, clock: Clock) -> None:
    clock.now = 40
    assert table.find(session.client_id) is session
    table.touch(session)
    clock.now = 80.1
    assert table.find(session.client_id) is None
    assert len(table) == 0


def test_expired_sessions_go_when_a_new_one_opens(session: Session, table: SessionTable, clock: Clock) -> None:
    clock.now = 41
    other = table.open("user")
    assert len(table) == 1
    assert table.find(other.client_id) is other


REFUSALS: list[tuple[str, dict[str, object] | None, str]] = [
    (
        CONTACTS,
        {CONTACTS: 17},
        (
            "400::The replayId {17} you provided was invalid.  "
            "Please provide a valid ID, -2 to replay all events, or -1 to replay only new events."
        ),
    ),
    (
        CONTACTS,
        {},
        (
            "400::The replayId for channel {/data/ContactChangeEvent} wasn't found using the provided replay ID map "
            "{{}}. Ensure that the channel name you provided in the replay map is valid and matches the channel name "
            "used for subscribing."
        ),
    ),
    ("/data/UserChangeEvent", None, "403::User not allowed to subscribe CDC without required permissions"),
    (
        "/data/contactchangeevent",
        None,
        "400::The channel you requested to subscribe to does not exist {/data/contactchangeevent}",
    ),
    ("data/ContactChangeEvent", None, "400::Channel subscriptions must start with a leading '/'"),
]


@pytest.mark.parametrize(("channel", "replay", "error"), REFUSALS)
def test_refusals_are_worded_as_salesforce_does(
    session: Session, table: SessionTable, channel: str, replay: dict[str, object] | None, error: str
) -> None:
    with pytest.raises(SubscribeError) as refused:
        table.subscribe(session, channel, replay)
    assert str(refused.value) == error
    assert not session.subscriptions


def test_without_a_position_only_new_events_come(org: Org, session: Session, table: SessionTable) -> None:
    create(org)
    table.subscribe(session, CONTACTS, None)
    assert not table.has_news(session)
    create(org)
    assert table.has_news(session)
    assert replay_ids(taken(table, session)) == [org.events.tip]
    assert not table.has_news(session)


def test_events_of_several_channels_come_in_replay_order(org: Org, session: Session, table: SessionTable) -> None:
    for channel in (LEADS, CONTACTS, ALL):
        table.subscribe(session, channel, {channel: -1})
    for _ in range(2):
        create(org)
        create(org, "Lead", Company="-")
    messages = taken(table, session) + taken(table, session)
    assert len(messages) == 8
    assert replay_ids(messages) == sorted(replay_ids(messages))
    assert {message["channel"] for message in messages} == {LEADS, CONTACTS, ALL}
    assert table.bus.delivered == {LEADS: 2, CONTACTS: 2, ALL: 4}


def test_one_reply_holds_a_limited_number_of_events(org: Org, clock: Clock) -> None:
    config = OrgConfig(connect_reply_max_events=10)
    table = SessionTable(config, open_bus(org), random.Random(1), clock)
    session = table.open("user")
    table.subscribe(session, CONTACTS, None)
    create(org, count=25)
    batches = [replay_ids(taken(table, session)) for _ in range(4)]
    assert [len(batch) for batch in batches] == [10, 10, 5, 0]
    assert [*chain.from_iterable(batches)] == [event.replay_id for event in org.events.after(CONTACTS, -2, 25)]


def test_one_reply_holds_a_limited_number_of_bytes(org: Org, session: Session, table: SessionTable) -> None:
    table.subscribe(session, CONTACTS, None)
    create(org, count=3, Description="x" * 2_000)
    assert [len(taken(table, session)) for _ in range(4)] == [1, 1, 1, 0]


def test_an_event_larger_than_a_reply_still_comes(org: Org, session: Session, table: SessionTable) -> None:
    table.subscribe(session, CONTACTS, None)
    create(org, Description="x" * 20_000)
    assert len(taken(table, session)) == 1


async def test_news_wake_the_polls_of_their_channel_only(org: Org, table: SessionTable) -> None:
    contacts, leads = table.open("user"), table.open("user")
    table.subscribe(contacts, CONTACTS, None)
    table.subscribe(leads, LEADS, None)
    for_contacts, for_leads = table.wait(contacts), table.wait(leads)
    org.on_events.append(table.notify)
    create(org)
    assert (for_contacts.done(), for_leads.done()) == (True, False)


async def test_a_poll_that_ends_leaves_a_newer_one_waiting(org: Org, session: Session, table: SessionTable) -> None:
    table.subscribe(session, CONTACTS, None)
    older = table.wait(session)
    newer = table.wait(session)
    table.stop_waiting(session, older)
    table.notify([CONTACTS])
    assert newer.done()


async def test_a_waiting_session_does_not_expire(session: Session, table: SessionTable, clock: Clock) -> None:
    waiting = table.wait(session)
    clock.now = 100
    assert table.find(session.client_id) is session
    table.stop_waiting(session, waiting)
    clock.now = 141
    assert table.find(session.client_id) is None
