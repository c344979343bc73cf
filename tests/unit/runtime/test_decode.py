"""What lies in a topic: work, or something to be parked."""

from __future__ import annotations

import pytest

from schemas.events import Change, Parked, Reevaluation
from schemas.topics import CHANGES, REEVALUATIONS
from workers.ports import Message
from workers.runtime.decode import PARKED_CHARACTERS, parked, split

from .crm import JOE, change, command

CONTACTS = CHANGES["contact"].name
BROKER_LIMIT_BYTES = 1_000_000
"""A little less than Kafka's default `max.message.bytes` of 1,048,588."""


def message(value: bytes, key: bytes | None = b"acme:" + JOE.encode(), topic: str = CONTACTS) -> Message:
    return Message(topic, partition=3, offset=17, key=key, value=value)


def unreadable(value: bytes, key: bytes | None = b"acme:x") -> Parked:
    readable, parked = split([message(value, key)], now_ms=5)
    assert readable == []
    return parked[0]


def test_changes_and_commands_are_told_apart_by_their_topic() -> None:
    told, asked = change(JOE, "create", 1, City="Oslo"), command(JOE)
    messages = [
        message(told.model_dump_json().encode()),
        message(asked.model_dump_json().encode(), topic=REEVALUATIONS.name),
    ]
    readable, parked = split(messages, now_ms=5)
    assert [decoded for _, decoded in readable] == [told, asked]
    assert [type(decoded) for _, decoded in readable] == [Change, Reevaluation]
    assert ([each for each, _ in readable], parked) == (messages, [])


def test_a_key_that_is_not_known_yet_is_ignored() -> None:
    text = change(JOE, "create", 1).model_dump_json()
    assert split([message(text.replace("{", '{"later": 1,', 1).encode())], 5)[1] == []


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"team": "acme"}',
        b'{"fields": ' + b'{"a":' * 500 + b"1" + b"}" * 501,
        change(JOE, "create", 1).model_dump_json().replace(JOE, "003").encode(),
        change(JOE, "create", 1).model_dump_json().replace("create", "created").encode(),
        change(JOE, "create", 1, City="x").model_dump_json().replace('"x"', '"\\ud800"').encode(),
    ],
    ids=[
        "empty (a tombstone)",
        "cut off",
        "a list",
        "null",
        "no text",
        "fields missing",
        "nested too deep",
        "short id",
        "unknown kind",
        "half a character",
    ],
)
def test_what_cannot_be_read_is_parked_with_its_position(value: bytes) -> None:
    bad = unreadable(value)
    assert (bad.team, bad.topic, bad.partition, bad.offset) == ("acme", CONTACTS, 3, 17)
    assert (bad.reason, bad.parked_at_ms) == ("malformed", 5)
    assert bad.detail
    assert bad.payload == value.decode("utf-8", "backslashreplace")


def test_the_good_ones_around_it_stay() -> None:
    good = message(change(JOE, "create", 1).model_dump_json().encode())
    readable, parked = split([good, message(b"{"), good], 5)
    assert (len(readable), len(parked)) == (2, 1)


def test_the_reason_names_the_field_and_not_its_value() -> None:
    text = change(JOE, "create", 1).model_dump_json().replace('"acme"', '"Secret Value!"')
    bad = unreadable(text.encode())
    assert bad.detail.startswith("team: ")
    assert "Secret" not in bad.detail


@pytest.mark.parametrize(("key", "team"), [(None, None), (b"", None), (b":x", None), (b"\xff:x", "�"), (b"a", "a")])
def test_any_key_will_do(key: bytes | None, team: str | None) -> None:
    assert unreadable(b"{", key).team == team


@pytest.mark.parametrize("value", [b"\x00", b"\xff", "\U0001f600".encode(), b'"', b"x"])
def test_a_parked_message_fits_into_a_message(value: bytes) -> None:
    """However its characters are written in JSON; all of it still lies where it lay."""
    bad = unreadable(value * (1_000_000 // len(value)), key=value * 1000)
    assert len(bad.payload) == PARKED_CHARACTERS
    assert len(bad.model_dump_json().encode()) < BROKER_LIMIT_BYTES


def test_a_long_reason_is_cut() -> None:
    assert len(parked(message(b"{"), "unsupported", "x" * 100_000, 5).detail) == 1000
