"""When a team's events are too bad to go on."""

from __future__ import annotations

from workers.core.capture.poison import LIMIT_IN_A_ROW, WINDOW_EVENTS, PoisonLimit


def test_a_hundred_in_a_row_are_too_many() -> None:
    limit = PoisonLimit()
    limit.note([False] * 5 + [True] * (LIMIT_IN_A_ROW - 1))
    assert limit.exceeded() is None
    limit.note([True, False])
    assert limit.exceeded() == "100 events in a row were malformed"


def test_a_good_one_between_begins_the_row_anew() -> None:
    limit = PoisonLimit()
    for _ in range(3):
        limit.note([True] * (LIMIT_IN_A_ROW - 1) + [False])
    assert limit.exceeded() is None


def test_more_than_one_in_twenty_are_too_many_once_there_are_enough_to_tell() -> None:
    limit = PoisonLimit()
    limit.note(([True] + [False] * 18) * (WINDOW_EVENTS // 19))
    assert limit.exceeded() is None
    limit.note([False] * 19)
    assert limit.exceeded() == f"51 of the last {WINDOW_EVENTS} events were malformed"


def test_one_in_twenty_may_be_bad_for_ever() -> None:
    limit = PoisonLimit()
    for _ in range(100):
        limit.note(([True] + [False] * 19) * 10)
        assert limit.exceeded() is None
