"""What a team's session does next: from what happened and when, its new state and the actions to take.

Pure: the driver (`workers.capture.session`) connects, waits and reports. Every trouble that the wire can bring has one
row in `REACTIONS`; nothing is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal, TypeAlias, assert_never

from schemas.events import ENTITIES, Entity
from workers.core.capture.channel_status import SessionState

Trouble: TypeAlias = Literal[
    "network",
    "session_lost",
    "silent",
    "stuck",
    "congested",
    "overloaded",
    "authentication",
    "too_many_clients",
    "events_used_up",
    "forbidden",
    "replay_refused",
    "unsupported",
    "poisoned",
    "refused",
]
"""`network`: no answer, or none that is Bayeux. `session_lost`: the server forgot the client. `silent`: no reply within
1.5 times the advised timeout. `stuck`: replies, but no events although the org counts deliveries. `congested`: we left,
since Kafka takes too long. `forbidden`: a channel that the connected user may not have. `unsupported`: the org does not
understand us, which only a person can mend. `poisoned`: too much of what comes is malformed. `refused`: the
authorisation is gone for good."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a channel could not be subscribed to."""

    trouble: Trouble
    reason: str


@dataclass(frozen=True, slots=True)
class Reaction:
    state: SessionState
    first_seconds: float = 0.5
    cap_seconds: float = 30.0
    """Salesforce drops a CometD session that is away for 40 s anyway; longer pauses only add delay."""
    at_least_seconds: float = 0.0
    """On top of the jitter."""
    polls: bool = False
    """Whether queries stand in for the stream meanwhile."""
    ends: bool = False
    """Only a person can help: the session ends and says so."""


REACTIONS: Mapping[Trouble, Reaction] = MappingProxyType(
    {
        "network": Reaction("connecting"),
        "session_lost": Reaction("connecting"),
        "silent": Reaction("stalled"),
        "stuck": Reaction("stalled"),
        "congested": Reaction("stalled"),
        # "Wait a few minutes" (Handling Streaming API Errors).
        "overloaded": Reaction("connecting", first_seconds=60, cap_seconds=300, at_least_seconds=30),
        # The first time nearly at once, with a new token; `_after` makes an end of it when that does not help.
        "authentication": Reaction("reauthenticating", first_seconds=0.1, cap_seconds=10),
        "too_many_clients": Reaction("quota_exceeded", 60, 600, at_least_seconds=30, polls=True),
        # The allocation is one of a rolling day: it comes back bit by bit.
        "events_used_up": Reaction("quota_exceeded", 300, 3600, at_least_seconds=60, polls=True),
        "forbidden": Reaction("forbidden", 300, 3600, at_least_seconds=60, polls=True),
        "replay_refused": Reaction("replay_refused"),
        "unsupported": Reaction("parked", 300, 3600, at_least_seconds=60, polls=True),
        "poisoned": Reaction("parked", ends=True),
        "refused": Reaction("forbidden", ends=True),
    }
)

TOKENS_REJECTED = 3
"""In a row, each a new one: then it is not expiry that is the matter."""

HEALTHY_SECONDS = 30.0
"""A session that streamed this long starts its next backoff from the beginning."""


# --- what happens ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The session is up; `refused` are the channels that it could not have."""

    refused: Mapping[Entity, Refusal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ended:
    """The session is over, or could not begin. `entities`: whom a refused replay id concerns."""

    trouble: Trouble
    reason: str
    entities: frozenset[Entity] = frozenset()


@dataclass(frozen=True, slots=True)
class Waited:
    """The pause that was asked for is over."""


@dataclass(frozen=True, slots=True)
class ChannelsDue:
    """It is time to try the refused channels again."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Somebody else takes over, or the team is disconnected."""


Happening: TypeAlias = Subscribed | Ended | Waited | ChannelsDue | Stop


# --- what to do ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Connect:
    """With a new client: a used one can hold a dead session."""


@dataclass(frozen=True, slots=True)
class Wait:
    """A random time up to `jitter_seconds`, so that many sessions do not come back at once, after `least_seconds`."""

    jitter_seconds: float
    least_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class TryChannelsAfter:
    """The same wait, beside the stream."""

    wait: Wait


@dataclass(frozen=True, slots=True)
class Poll:
    """Query these entities from now on, and no others."""

    entities: frozenset[Entity]


@dataclass(frozen=True, slots=True)
class Forget:
    """The replay ids of these entities are of no use: what they stood for must be read again."""

    entities: frozenset[Entity]


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Say in the connection what a person must do, and end."""

    state: SessionState
    reason: str


@dataclass(frozen=True, slots=True)
class Leave:
    """End the session in order: tell the server, so that it frees the client's place."""


Action: TypeAlias = Connect | Wait | TryChannelsAfter | Poll | Forget | GiveUp | Leave


# --- the machine -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Machine:
    state: SessionState = "connecting"
    reason: str = ""
    failures: int = 0
    """In a row: sessions that ended before they were healthy."""
    tokens_rejected: int = 0
    """Sessions in a row that ended with a 401 before they were up."""
    refused: Mapping[Entity, Refusal] = field(default_factory=dict)
    channel_failures: int = 0
    """In a row: sessions without all of their channels."""
    up_since_seconds: float | None = None


def channel_state(machine: Machine, entity: Entity) -> tuple[SessionState, str]:
    """State and reason of one channel: its own refusal, or the session's."""
    refusal = machine.refused.get(entity)
    if refusal is not None and machine.state == "streaming":
        return REACTIONS[refusal.trouble].state, refusal.reason
    return machine.state, machine.reason


def step(machine: Machine, happened: Happening, now_seconds: float) -> tuple[Machine, tuple[Action, ...]]:
    """`now_seconds` is of a monotonic clock."""
    match happened:
        case Subscribed():
            return _up(machine, happened, now_seconds)
        case Ended():
            return _after(machine, happened, now_seconds)
        case Waited():
            return replace(machine, state="connecting"), (Connect(),)
        case ChannelsDue():
            return replace(machine, state="connecting", up_since_seconds=None), (Leave(), Connect())
        case Stop():
            return replace(machine, state="stopping", up_since_seconds=None), (Leave(),)
        case _:
            assert_never(happened)


def _up(machine: Machine, happened: Subscribed, now_seconds: float) -> tuple[Machine, tuple[Action, ...]]:
    if useless := _useless(happened.refused):
        down, actions = _after(machine, useless, now_seconds)
        return down, (Leave(), *actions)
    up = replace(
        machine,
        state="streaming",
        reason="",
        tokens_rejected=0,
        refused=dict(happened.refused),
        channel_failures=machine.channel_failures + 1 if happened.refused else 0,
        up_since_seconds=now_seconds,
    )
    if not happened.refused:
        return up, (Poll(frozenset()),)
    # The channel that is expected back first decides when all are tried: the session is one.
    waits = [_wait(REACTIONS[refusal.trouble], machine.channel_failures) for refusal in happened.refused.values()]
    soonest = min(waits, key=lambda wait: wait.least_seconds + wait.jitter_seconds)
    return up, (Poll(frozenset(happened.refused)), TryChannelsAfter(soonest))


def _useless(refused: Mapping[Entity, Refusal]) -> Ended | None:
    """A session that must be opened again with other replay ids, or has no channel at all."""
    expired = {entity: refusal for entity, refusal in refused.items() if refusal.trouble == "replay_refused"}
    if expired:
        return Ended("replay_refused", next(iter(expired.values())).reason, frozenset(expired))
    if len(refused) == len(ENTITIES):
        first = next(iter(refused.values()))
        return Ended(first.trouble, first.reason)
    return None


def _after(machine: Machine, ended: Ended, now_seconds: float) -> tuple[Machine, tuple[Action, ...]]:
    failures = 0 if _was_healthy(machine, now_seconds) else machine.failures
    trouble: Trouble = ended.trouble
    rejected = machine.tokens_rejected + 1 if trouble == "authentication" else 0
    if rejected == TOKENS_REJECTED:
        trouble = "refused"
    reaction = REACTIONS[trouble]
    down = replace(
        machine,
        state=reaction.state,
        reason=ended.reason,
        failures=failures + 1,
        tokens_rejected=rejected,
        up_since_seconds=None,
    )
    if reaction.ends:
        return down, (Poll(frozenset()), GiveUp(reaction.state, ended.reason))
    actions: list[Action] = []
    if ended.entities:
        actions.append(Forget(ended.entities))
    if reaction.polls:
        actions.append(Poll(frozenset(ENTITIES)))
    return down, (*actions, _wait(reaction, failures))


def _was_healthy(machine: Machine, now_seconds: float) -> bool:
    return machine.up_since_seconds is not None and now_seconds - machine.up_since_seconds >= HEALTHY_SECONDS


def _wait(reaction: Reaction, failures: int) -> Wait:
    # 2 ** 16 times any first pause is past any cap; without a limit the power overflows a float after a day of outage.
    jitter_seconds = min(reaction.cap_seconds, reaction.first_seconds * 2.0 ** min(failures, 16))
    return Wait(jitter_seconds, reaction.at_least_seconds)
