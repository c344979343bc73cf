"""An org's daily API allowance: what is used, and how much of it our background work may still take.

The allowance belongs to everything that is connected to the org. What answers a person or keeps a promise at once
(tokens, re-reads that hold a position back) is never held up by it; imports, polling and comparisons are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

NO_CALLS = frozenset({"events", "own_events", "tokens"})
"""Counted with the calls of a day, but against other limits of the org, or none."""

_API_USAGE = re.compile(r"api-usage=(\d+)/(\d+)")


@dataclass(frozen=True, slots=True)
class Allowance:
    """An entry of the `limits` resource, or what a reply's `Sforce-Limit-Info` header says of `DailyApiRequests`."""

    allowed: int
    remaining: int

    @property
    def used(self) -> int:
        return self.allowed - self.remaining

    @property
    def share_left(self) -> float:
        return self.remaining / self.allowed if self.allowed > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Shares:
    """Of an org's daily API requests. `ours`: the most that our background work takes; `reserve`: what it leaves to
    everybody else even when we have taken little."""

    ours: float = 0.5
    reserve: float = 0.1


def allowance_told(limit_info: str) -> Allowance | None:
    """From `Sforce-Limit-Info: api-usage=18/5000` (REST API guide, "Limit Info Header"); other parts may follow."""
    found = _API_USAGE.search(limit_info)
    if found is None:
        return None
    used, allowed = map(int, found.groups())
    return Allowance(allowed, allowed - used)


def background_calls_left(told: Allowance | None, ours_today: int, shares: Shares) -> int | None:
    """API calls that background work may still make today; None: the org has not said what it allows.

    >>> background_calls_left(Allowance(15_000, 14_000), 1_000, Shares(ours=0.5, reserve=0.1))
    6500
    >>> background_calls_left(Allowance(15_000, 1_600), 1_000, Shares(ours=0.5, reserve=0.1))
    100
    """
    if told is None:
        return None
    of_our_share = int(told.allowed * shares.ours) - ours_today
    before_the_reserve = told.remaining - int(told.allowed * shares.reserve)
    return max(0, min(of_our_share, before_the_reserve))
