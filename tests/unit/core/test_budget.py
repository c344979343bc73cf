"""What background work may take of an org's daily API requests."""

from __future__ import annotations

import pytest

from workers.core.budget import Allowance, Shares, allowance_told, background_calls_left

SHARES = Shares(ours=0.5, reserve=0.1)


@pytest.mark.parametrize(
    ("header", "allowance"),
    [
        ("api-usage=18/5000", Allowance(5000, 4982)),
        ("api-usage=25/5000; per-app-api-usage=17/250(appName=sample-connected-app)", Allowance(5000, 4975)),
        ("api-usage=5001/5000", Allowance(5000, -1)),
        ("", None),
        ("api-usage=many", None),
    ],
)
def test_the_header_tells_what_is_left(header: str, allowance: Allowance | None) -> None:
    assert allowance_told(header) == allowance


@pytest.mark.parametrize(
    ("remaining", "ours_today", "left"),
    [
        (1000, 0, 500),  # our share
        (1000, 499, 1),
        (1000, 500, 0),
        (300, 0, 200),  # others have used 700: the reserve is what binds
        (100, 0, 0),
        (-5, 0, 0),
    ],
)
def test_the_narrower_of_share_and_reserve_binds(remaining: int, ours_today: int, left: int) -> None:
    assert background_calls_left(Allowance(1000, remaining), ours_today, SHARES) == left


def test_nothing_is_known_before_the_first_reply() -> None:
    assert background_calls_left(None, 10, SHARES) is None


def test_an_org_without_any_allowance_has_none_left() -> None:
    assert Allowance(0, 0).share_left == 0.0
