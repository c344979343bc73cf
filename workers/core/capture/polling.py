"""Keeping an entity in sync by queries alone: what a round asks for, and how often rounds are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from schemas.events import Entity
from workers.core.capture.positions import OVERLAP_MS
from workers.core.capture.snapshots import instant, selected
from workers.core.normalize import OBJECTS

PAGE_ROWS = 2_000
"""The largest page of a REST query: a full one means that there is more."""

SETTLED_MS = 10_000
"""A stamp is a whole second. A record read within that second may change again under the same stamp, and nobody could
tell the two states apart later; ten seconds also cover clocks that differ."""

ROUND_SECONDS = 60.0
LONGEST_ROUND_SECONDS = 3_600.0
DAY_SECONDS = 86_400.0
SHARE_OF_LEFT = 0.5
"""Of the calls that background work may still make: the rest is for readings."""


@dataclass(frozen=True, slots=True)
class Window:
    """`since_ms` <= SystemModstamp < `until_ms`, of which everything up to (`after_stamp`, `after_id`) is read."""

    since_ms: int
    until_ms: int
    after_stamp: str | None = None
    after_id: str = ""


def window(confirmed_ms: int, now_ms: int) -> Window:
    return Window(confirmed_ms - OVERLAP_MS, now_ms - SETTLED_MS)


def page_of(entity: Entity, names: Iterable[str], of: Window) -> str:
    """The next page, in the order of (SystemModstamp, Id): many records may share a stamp."""
    until = f"SystemModstamp < {instant(of.until_ms)}"
    where = f"SystemModstamp >= {instant(of.since_ms)} AND {until}"
    if of.after_stamp is not None:
        stamp = of.after_stamp.replace("+0000", "Z")
        same = f"(SystemModstamp = {stamp} AND Id > '{of.after_id}')"
        where = f"{same} OR (SystemModstamp > {stamp} AND {until})"
    columns = ", ".join(selected(names))
    return f"SELECT {columns} FROM {OBJECTS[entity]} WHERE {where} ORDER BY SystemModstamp, Id LIMIT {PAGE_ROWS}"  # noqa: S608


def round_seconds(calls: int, calls_left: int | None) -> float:
    """Pause between rounds of so many calls, within what may still be called today (None: not known).

    >>> round_seconds(1, None), round_seconds(1, 100_000), round_seconds(1, 1_000), round_seconds(1, 0)
    (60.0, 60.0, 172.8, 3600.0)
    """
    if calls_left is None:
        return ROUND_SECONDS
    affordable = calls * DAY_SECONDS / (calls_left * SHARE_OF_LEFT) if calls_left > 0 else LONGEST_ROUND_SECONDS
    return min(max(ROUND_SECONDS, affordable), LONGEST_ROUND_SECONDS)
