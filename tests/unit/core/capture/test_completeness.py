"""What silence proves."""

from __future__ import annotations

import pytest

from schemas.events import Entity, Position
from workers.core.capture.completeness import EVERY_MS, MARGIN_MS, TRUSTED_MS, confirmed_now, is_fresh

NOW_MS = 1_700_000_000_000


def lead(confirmed_ms: int | None = None, commit_time_ms: int | None = None) -> dict[Entity, Position | None]:
    return {"lead": Position(team="acme", entity="lead", confirmed_ms=confirmed_ms, commit_time_ms=commit_time_ms)}


@pytest.mark.parametrize("positions", [{"lead": None}, lead()])
def test_a_channel_that_was_never_captured_begins_with_the_first_reply(
    positions: dict[Entity, Position | None],
) -> None:
    assert confirmed_now(positions, (), NOW_MS) == {"lead": NOW_MS - MARGIN_MS}


def test_a_confirmation_is_not_repeated_all_the_time() -> None:
    confirmed_ms = NOW_MS - MARGIN_MS
    assert confirmed_now(lead(confirmed_ms), (), NOW_MS + EVERY_MS - 1) == {}
    assert confirmed_now(lead(confirmed_ms), (), NOW_MS + EVERY_MS) == {"lead": confirmed_ms + EVERY_MS}


def test_after_a_long_interruption_silence_proves_nothing_until_an_event_has_come() -> None:
    old = lead(NOW_MS - TRUSTED_MS - 1)
    assert confirmed_now(old, (), NOW_MS) == {}
    assert confirmed_now(old, {"lead"}, NOW_MS) == {"lead": NOW_MS - MARGIN_MS}
    assert confirmed_now(lead(commit_time_ms=NOW_MS - TRUSTED_MS - 1), (), NOW_MS) == {}


def test_a_backlog_is_not_fresh() -> None:
    assert is_fresh(NOW_MS - MARGIN_MS, NOW_MS)
    assert not is_fresh(NOW_MS - MARGIN_MS - 1, NOW_MS)
