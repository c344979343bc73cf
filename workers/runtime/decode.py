"""From bytes to work: what cannot be read becomes a parked message with its position."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import ValidationError

from schemas.events import Change, Parked, Reevaluation
from schemas.topics import REEVALUATIONS
from workers.ports import Message

Decoded = Change | Reevaluation

PARKED_CHARACTERS = 150_000
"""Kept of a parked payload: at most 6 bytes each in JSON, so that the parked message stays below Kafka's 1 MiB. The
whole of it still lies at its topic, partition and offset."""

DETAIL_CHARACTERS = 1000
TEAM_CHARACTERS = 63
"""As in `TeamId`; the key of a message that cannot be read may hold anything."""


def decode(message: Message) -> Decoded:
    """Raises pydantic's ValidationError."""
    if message.topic == REEVALUATIONS.name:
        return Reevaluation.model_validate_json(message.value)
    return Change.model_validate_json(message.value)


def split(messages: Iterable[Message], now_ms: int) -> tuple[list[tuple[Message, Decoded]], list[Parked]]:
    readable: list[tuple[Message, Decoded]] = []
    unreadable: list[Parked] = []
    for message in messages:
        try:
            readable.append((message, decode(message)))
        except ValidationError as error:
            unreadable.append(parked(message, "malformed", summary(error), now_ms))
    return readable, unreadable


def parked(message: Message, reason: str, detail: str, now_ms: int) -> Parked:
    team = (message.key or b"").split(b":", 1)[0].decode("utf-8", "replace")[:TEAM_CHARACTERS] or None
    return Parked.model_validate(
        {
            "team": team,
            "topic": message.topic,
            "partition": message.partition,
            "offset": message.offset,
            "reason": reason,
            "detail": detail[:DETAIL_CHARACTERS],
            "payload": message.value.decode("utf-8", "backslashreplace")[:PARKED_CHARACTERS],
            "parked_at_ms": now_ms,
        }
    )


def summary(error: ValidationError) -> str:
    """Which fields are wrong and why, without their values: a parked reason is shown to people."""
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'message'}: {e['msg']}" for e in error.errors()[:5])
