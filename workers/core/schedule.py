"""When a daily run is due: once for every local date, whatever the clock does in between."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Blackout:
    """Local times between which no run begins; one that ends before it begins goes over midnight."""

    begins: time
    ends: time

    def holds(self, at: time) -> bool:
        if self.begins <= self.ends:
            return self.begins <= at < self.ends
        return at >= self.begins or at < self.ends


@dataclass(frozen=True, slots=True)
class Schedule:
    at: time = time(2)
    time_zone: str = "UTC"
    blackouts: tuple[Blackout, ...] = ()

    def local(self, now_ms: int) -> datetime:
        return datetime.fromtimestamp(now_ms / 1000, ZoneInfo(self.time_zone))

    def moment_ms(self, day: date) -> int:
        """When the run of a date begins. A local time that the change to summer time leaves out comes that much later;
        of one that occurs twice, the first counts. So every date has one moment, in the order of dates."""
        return int(datetime.combine(day, self.at, ZoneInfo(self.time_zone)).timestamp() * 1000)

    def due(self, now_ms: int) -> date:
        """The latest date whose moment has come. A run that was missed is made up under its own date."""
        today = self.local(now_ms).date()
        return today if self.moment_ms(today) <= now_ms else today - timedelta(days=1)

    def blacked_out(self, now_ms: int) -> bool:
        return any(blackout.holds(self.local(now_ms).time()) for blackout in self.blackouts)


def blackouts_of(windows: Iterable[tuple[str, str]]) -> tuple[Blackout, ...]:
    """From `("08:00", "18:00")`."""
    return tuple(Blackout(time.fromisoformat(begins), time.fromisoformat(ends)) for begins, ends in windows)
