"""What a process has asked of each team's org, kept in memory and added to the team's day by `flush`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

from prometheus_client import Counter as Metric

from schemas.documents import ApiUsage
from workers.core.budget import NO_CALLS, Allowance, Shares, allowance_told, background_calls_left
from workers.ports import Clock, Documents, Meter

CALLS = Metric("salesforce_calls_total", "Replies of Salesforce's APIs", ["kind"])
TOKENS = Metric("salesforce_tokens_total", "Access tokens that Salesforce granted")
EVENTS = Metric("salesforce_events_total", "Change events that Salesforce delivered")

OWN_EVENTS = Metric("salesforce_own_events_total", "Those of them that our own write-back caused")

SWAP_ATTEMPTS = 5
"""Several processes add to the same day, once a minute each."""


class UsageMeter:
    """One team's use of its org in this process."""

    def __init__(self, team: str, clock: Clock, shares: Shares) -> None:
        self.team = team
        self._clock = clock
        self._shares = shares
        self._unsaved: Counter[str] = Counter()
        self._saved: ApiUsage | None = None
        self._told: Allowance | None = None
        self.calls = 0
        """Of this process, answered so far."""

    def called(self, kind: str, limit_info: str | None) -> None:
        """A reply has come; `limit_info` is its `Sforce-Limit-Info`."""
        self._unsaved[kind] += 1
        self.calls += 1
        CALLS.labels(kind).inc()
        if limit_info is not None:
            self._told = allowance_told(limit_info) or self._told

    def delivered(self, events: int, own: int = 0) -> None:
        """Change events that count against the org's daily delivery limit; `own` of them our write-back caused."""
        if events:
            self._unsaved["events"] += events
            EVENTS.inc(events)
        if own:
            self._unsaved["own_events"] += own
            OWN_EVENTS.inc(own)

    def granted(self) -> None:
        """An access token."""
        self._unsaved["tokens"] += 1
        TOKENS.inc()

    @property
    def has_news(self) -> bool:
        return bool(self._unsaved)

    def background_calls_left(self) -> int | None:
        """None: not known yet. See `workers.core.budget`."""
        saved = self._saved.calls if self._saved and self._saved.day == self._today() else {}
        total = Counter(saved) + self._unsaved
        calls = sum(number for kind, number in total.items() if kind not in NO_CALLS)
        return background_calls_left(self._told, calls, self._shares)

    def left_of(self, told: Allowance | None, ours_today: int) -> int | None:
        """Of another allowance of the org than its API requests, in the same shares."""
        return background_calls_left(told, ours_today, self._shares)

    def _today(self) -> str:
        return datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC).date().isoformat()

    async def flush(self, days: Documents[ApiUsage]) -> None:
        """Add what is not saved yet. Raises Unavailable; nothing is forgotten then."""
        for _ in range(SWAP_ATTEMPTS):
            day = self._today()
            key = (self.team, day)
            stored = (await days.load([key])).get(key) or ApiUsage(team=self.team, day=day)
            adding = Counter(self._unsaved)
            added = self._added(stored, adding)
            if not await days.swap([added]):
                self._unsaved -= adding
                self._saved = added
                return

    def _added(self, stored: ApiUsage, adding: Counter[str]) -> ApiUsage:
        return stored.model_copy(
            update={
                "calls": dict(Counter(stored.calls) + adding),
                "allowed": self._told.allowed if self._told else stored.allowed,
                "remaining": self._told.remaining if self._told else stored.remaining,
                "updated_at_ms": self._clock.now_ms(),
            }
        )


async def share(meters: Iterable[Meter], days: Documents[ApiUsage], team: str) -> None:
    """Add what this process asked of a team's org to the team's day, and learn what the others did. Raises
    Unavailable."""
    for meter in list(meters):
        if meter.team == team:
            await meter.flush(days)


async def flush(meters: Iterable[Meter], days: Documents[ApiUsage]) -> None:
    for meter in list(meters):
        if meter.has_news:
            await meter.flush(days)
