"""From bytes to work: what cannot be read becomes a parked message with its position."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import ValidationError

from schemas.events import Change, Parked, Reevaluation
from schemas.topics import REEVALUATIONS
from workers.ports import Message

Decoded = Change | Reevaluation


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
    team = (message.key or b"").split(b":", 1)[0].decode("utf-8", "replace") or None
    return Parked.model_validate(
        {
            "team": team,
            "topic": message.topic,
            "partition": message.partition,
            "offset": message.offset,
            "reason": reason,
            "detail": detail,
            "payload": message.value.decode("utf-8", "backslashreplace"),
            "parked_at_ms": now_ms,
        }
    )


def summary(error: ValidationError) -> str:
    """Which fields are wrong and why, without their values: a parked reason is shown to people."""
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'message'}: {e['msg']}" for e in error.errors()[:5])
