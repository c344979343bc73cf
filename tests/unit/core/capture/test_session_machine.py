"""What a session does about whatever can happen to it."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import ENTITIES, Entity
from workers.core.capture.channel_status import RETENTION_MS, ChannelStatus, SessionState
from workers.core.capture.session_machine import (
    HEALTHY_SECONDS,
    REACTIONS,
    TOKENS_REJECTED,
    ChannelsDue,
    Connect,
    Ended,
    Forget,
    GiveUp,
    Happening,
    Leave,
    Machine,
    Poll,
    Refusal,
    Stop,
    Subscribed,
    Trouble,
    TryChannelsAfter,
    Wait,
    Waited,
    channel_state,
    step,
)

NOBODY = Poll(frozenset())
EVERYBODY = Poll(frozenset(ENTITIES))


def up(at_seconds: float = 0.0) -> Machine:
    machine, actions = step(Machine(), Subscribed(), at_seconds)
    assert actions == (NOBODY,)
    return machine


def test_every_trouble_has_a_reaction() -> None:
    assert set(REACTIONS) == set(get_args(Trouble))


@pytest.mark.parametrize(
    ("trouble", "state", "actions"),
    [
        ("network", "connecting", (Wait(0.5),)),
        ("session_lost", "connecting", (Wait(0.5),)),
        ("silent", "stalled", (Wait(0.5),)),
        ("stuck", "stalled", (Wait(0.5),)),
        ("congested", "stalled", (Wait(0.5),)),
        ("overloaded", "connecting", (Wait(60, 30),)),
        ("authentication", "reauthenticating", (Wait(0.1),)),
        ("too_many_clients", "quota_exceeded", (EVERYBODY, Wait(60, 30))),
        ("events_used_up", "quota_exceeded", (EVERYBODY, Wait(300, 60))),
        ("forbidden", "forbidden", (EVERYBODY, Wait(300, 60))),
        ("unsupported", "parked", (EVERYBODY, Wait(300, 60))),
        ("poisoned", "parked", (NOBODY, GiveUp("parked", "why"))),
        ("refused", "forbidden", (NOBODY, GiveUp("forbidden", "why"))),
    ],
)
def test_what_follows_each_trouble(trouble: Trouble, state: SessionState, actions: object) -> None:
    machine, done = step(up(), Ended(trouble, "why"), 1.0)

    assert (machine.state, machine.reason, done) == (state, "why", actions)


def test_a_refused_replay_id_is_forgotten_and_the_session_comes_back() -> None:
    machine, actions = step(up(), Ended("replay_refused", "why", frozenset({"lead"})), 1.0)
    assert (machine.state, actions) == ("replay_refused", (Forget(frozenset({"lead"})), Wait(0.5)))

    machine, actions = step(machine, Waited(), 2.0)
    assert (machine.state, actions) == ("connecting", (Connect(),))


def test_pauses_grow_until_a_session_was_healthy() -> None:
    machine, jitters = Machine(), []
    for _ in range(8):
        machine, (wait,) = step(machine, Ended("network", "down"), 0.0)
        assert isinstance(wait, Wait)
        jitters.append(wait.jitter_seconds)
    assert jitters == [0.5, 1, 2, 4, 8, 16, 30, 30]

    brief, _ = step(machine, Subscribed(), 100.0)
    assert step(brief, Ended("network", "again"), 100.0 + HEALTHY_SECONDS - 1)[1] == (Wait(30),)
    assert step(brief, Ended("network", "again"), 100.0 + HEALTHY_SECONDS)[1] == (Wait(0.5),)


def test_a_day_of_outage_overflows_nothing() -> None:
    assert step(Machine(failures=100_000), Ended("network", "down"), 0.0)[1] == (Wait(30.0),)


def test_new_tokens_that_are_rejected_too_end_it() -> None:
    machine = up()
    for _ in range(TOKENS_REJECTED - 1):
        machine, actions = step(machine, Ended("authentication", "401"), 1.0)
        assert isinstance(actions[-1], Wait)
        machine, _ = step(machine, Waited(), 2.0)
    machine, actions = step(machine, Ended("authentication", "401 again"), 3.0)

    assert actions == (NOBODY, GiveUp("forbidden", "401 again"))


def test_a_token_may_expire_as_often_as_sessions_were_up_between() -> None:
    machine = up()
    for _ in range(5):
        machine, actions = step(machine, Ended("authentication", "401"), 1.0)
        assert isinstance(actions[-1], Wait)
        machine, _ = step(machine, Waited(), 2.0)
        machine, _ = step(machine, Subscribed(), 3.0)
    assert machine.state == "streaming"


def test_channels_that_cannot_be_had_are_polled_and_tried_again_while_the_others_stream() -> None:
    refused: dict[Entity, Refusal] = {
        "account": Refusal("forbidden", "select Account"),
        "lead": Refusal("events_used_up", "tomorrow"),
    }
    machine, actions = step(Machine(), Subscribed(refused), 0.0)

    assert actions == (Poll(frozenset(refused)), TryChannelsAfter(Wait(300, 60)))
    assert channel_state(machine, "contact") == ("streaming", "")
    assert channel_state(machine, "account") == ("forbidden", "select Account")
    assert channel_state(machine, "lead") == ("quota_exceeded", "tomorrow")

    machine, actions = step(machine, ChannelsDue(), 400.0)
    assert actions == (Leave(), Connect())
    machine, actions = step(machine, Subscribed(refused), 401.0)
    assert actions[1] == TryChannelsAfter(Wait(600, 60))
    machine, actions = step(machine, Subscribed(), 1000.0)
    assert actions == (NOBODY,)
    assert machine.channel_failures == 0


def test_a_session_without_any_channel_is_left() -> None:
    refused = dict.fromkeys(ENTITIES, Refusal("forbidden", "give the user 'View All'"))
    machine, actions = step(Machine(), Subscribed(refused), 0.0)

    assert machine.state == "forbidden"
    assert actions == (Leave(), EVERYBODY, Wait(300, 60))


def test_refused_replay_ids_are_forgotten_before_anything_is_streamed() -> None:
    refused: dict[Entity, Refusal] = {
        "lead": Refusal("replay_refused", "400"),
        "account": Refusal("forbidden", "select Account"),
    }
    machine, actions = step(Machine(), Subscribed(refused), 0.0)

    assert machine.state == "replay_refused"
    assert actions == (Leave(), Forget(frozenset({"lead"})), Wait(0.5))


def test_stopping_leaves_in_order() -> None:
    machine, actions = step(up(), Stop(), 1.0)
    assert (machine.state, actions) == ("stopping", (Leave(),))


happenings = st.one_of(
    st.builds(Subscribed, st.dictionaries(st.sampled_from(ENTITIES), st.just(Refusal("forbidden", "x")))),
    st.builds(Ended, st.sampled_from(get_args(Trouble)), st.just("x")),
    st.just(Waited()),
    st.just(ChannelsDue()),
)


@given(st.lists(happenings, max_size=30))
def test_whatever_happens_there_is_a_way_on(sequence: list[Happening]) -> None:
    """Streaming, waiting, connecting, or ended with words for a person: never nothing to do."""
    machine = Machine()
    for number, happened in enumerate(sequence):
        machine, actions = step(machine, happened, float(number))
        ways_on = [action for action in actions if isinstance(action, Connect | Wait | GiveUp)]
        assert len(ways_on) == (0 if machine.state == "streaming" else 1)
        assert isinstance(happened, Subscribed) or machine.state != "streaming"


def test_headroom_and_lateness_of_a_channel() -> None:
    status = ChannelStatus("acme", "lead", "streaming", since_ms=0, confirmed_ms=1_000)
    assert status.headroom_ms(61_000) == RETENTION_MS - 60_000
    assert status.late_ms(61_000) == 60_000
    assert ChannelStatus("acme", "lead", "connecting", since_ms=0).headroom_ms(5) is None
