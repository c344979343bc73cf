"""Events as the org ordered them, once, whatever the transport did."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import pytest

from schemas.events import Entity
from workers.core.capture.arrivals import REMEMBERED, Arrivals, in_order


@dataclass(frozen=True)
class Event:
    entity: Entity
    replay_id: str
    payload: dict[str, Any] = field(default_factory=dict)


def event(replay_id: int, commit: int | None = None, entity: Entity = "contact", key: str = "t") -> Event:
    number = replay_id if commit is None else commit
    header = {"commitTimestamp": 1000, "commitNumber": number, "sequenceNumber": 1, "transactionKey": f"{key}{number}"}
    return Event(entity, str(replay_id), {"ChangeEventHeader": header})


EVENTS = [event(number) for number in range(20)]


def test_what_comes_in_order_stays_as_it_is() -> None:
    mixed = [event(5), event(2, entity="lead"), event(6), event(3, entity="lead")]
    assert Arrivals().news(mixed) == mixed


@pytest.mark.parametrize("seed", range(20))
def test_a_shuffled_reply_is_put_in_order(seed: int) -> None:
    shuffled = [*EVENTS]
    random.Random(seed).shuffle(shuffled)
    assert Arrivals().news(shuffled) == EVENTS


def test_events_of_a_reply_that_comes_twice_are_taken_once() -> None:
    arrivals = Arrivals()
    assert arrivals.news(EVENTS) == EVENTS
    assert arrivals.news(EVENTS) == []
    assert arrivals.news([*EVENTS, event(20)]) == [event(20)]


def test_replay_ids_that_start_again_after_a_migration_are_news_in_the_order_of_their_coming() -> None:
    arrivals = Arrivals()
    arrivals.news(EVENTS)
    moved = [event(18, commit=100), event(19, commit=101), event(1, commit=102), event(2, commit=103)]
    assert arrivals.news(moved) == moved


def test_events_published_out_of_the_order_of_their_commits_keep_the_order_of_their_ids() -> None:
    late = [event(1, commit=2), event(2, commit=1), event(3)]
    assert in_order(late) == late


def test_what_is_malformed_is_passed_on() -> None:
    odd = [Event("lead", "x"), Event("lead", "x"), Event("lead", "7", {"ChangeEventHeader": "no"})]
    assert Arrivals().news(odd) == odd


def test_memory_is_bounded() -> None:
    arrivals = Arrivals()
    for number in range(3):
        arrivals.news([event(n) for n in range(number * REMEMBERED, (number + 1) * REMEMBERED)])
    assert len(arrivals._seen) == len(arrivals._order) == REMEMBERED
