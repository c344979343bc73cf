"""A team's status, for machines and for people."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.table import Table

from schemas.events import ENTITIES
from workers.core.budget import NO_CALLS
from workers.core.capture.channel_status import RETENTION_MS, TOLD_EVERY_MS

if TYPE_CHECKING:
    from schemas.documents import ApiUsage, CaptureStatus, ChannelState
    from workers.console.progress import TeamStatus


SILENT_MS = TOLD_EVERY_MS + 15 * 60 * 1000
"""Since a worker has told the status of a team: past it there may be none."""


def as_document(status: TeamStatus) -> dict[str, object]:
    return {
        "team": status.team,
        "records": status.records,
        "people": status.people,
        "accounts": status.accounts,
        "segments": status.segments,
        "skipped": [
            {"entity": entity, "reason": reason, "records": n} for (entity, reason), n in status.skipped.items()
        ],
        "unevaluated": status.unevaluated,
        "jobs": [job.model_dump(mode="json") for job in status.jobs],
        "capture": _capture_document(status.capture, status.at_ms) if status.capture else None,
        "api_usage": [day.model_dump(mode="json", exclude={"team", "rev"}) for day in status.usage],
    }


def _capture_document(capture: CaptureStatus, now_ms: int) -> dict[str, object]:
    document = capture.model_dump(mode="json", exclude={"team", "rev"})
    for entity, channel in capture.channels.items():
        late_ms = _late_ms(channel, now_ms)
        headroom_ms = None if late_ms is None else RETENTION_MS - late_ms
        document["channels"][entity] |= {"late_ms": late_ms, "headroom_ms": headroom_ms}
    return document


def as_table(status: TeamStatus) -> Table:
    table = Table("", "", title=f"Team {status.team}", show_header=False)
    for entity in ENTITIES:
        if entity in status.records:
            table.add_row(f"{entity} records", f"{status.records[entity]:,}")
    table.add_row("people", f"{status.people:,}")
    table.add_row("accounts", f"{status.accounts:,}")
    for segment, n in status.segments.items():
        table.add_row(f"segment {segment}", f"{n:,}")
    for (entity, reason), n in sorted(status.skipped.items()):
        table.add_row(f"{entity}s not imported: {reason.replace('_', ' ')}", f"{n:,}")
    if status.unevaluated:
        table.add_row("still to evaluate", f"{status.unevaluated:,}")
    if status.capture is not None:
        _add_capture(table, status.capture, status.at_ms)
    if status.usage:
        table.add_row("asked of the org today", usage_text(status.usage[0]))
    return table


def _add_capture(table: Table, capture: CaptureStatus, now_ms: int) -> None:
    if capture.channels and now_ms - capture.updated_at_ms > SILENT_MS:
        table.add_row("capture", f"has told nothing since {moment(capture.updated_at_ms)}: is it running?")
    for entity, channel in sorted(capture.channels.items()):
        table.add_row(f"{entity} changes", channel_text(channel, now_ms))
    for result in capture.checks:
        if result.outcome in ("failed", "warning"):
            table.add_row(f"check: {result.check}", result.says)


def channel_text(channel: ChannelState, now_ms: int) -> str:
    """E.g. "forbidden, polled since 2026-02-28 12:00 UTC: Contact is not selected ...; complete up to 2026-02-28 14:58
    UTC (1.2 min late; unread events expire in 71.9 h)"."""
    state = channel.state.replace("_", " ") + (", polled" if channel.polling else "")
    text = f"{state} since {moment(channel.since_ms)}"
    if channel.reason:
        text += f": {channel.reason}"
    if (late_ms := _late_ms(channel, now_ms)) is not None and channel.confirmed_ms is not None:
        left_ms = RETENTION_MS - late_ms
        expiry = f"unread events expire in {_duration(left_ms)}" if left_ms > 0 else "events may have expired unread"
        # Of a quiet stream this moment is proved only now and then: it is not late.
        late = f"{_duration(late_ms)} late; " if channel.polling else ""
        text += f"; complete up to {moment(channel.confirmed_ms)} ({late}{expiry})"
    if channel.lag_ms is not None:
        text += f"; the last event took {_duration(channel.lag_ms)}"
    counted = {"waiting": channel.waiting, "parked": channel.parked, "reconnects": channel.reconnects}
    return "; ".join([text, *(f"{number:,} {what}" for what, number in counted.items() if number)])


def _late_ms(channel: ChannelState, now_ms: int) -> int | None:
    return None if channel.confirmed_ms is None else max(0, now_ms - channel.confirmed_ms)


def _duration(ms: int) -> str:
    for unit, unit_ms in (("h", 3_600_000), ("min", 60_000)):
        if ms >= unit_ms:
            return f"{ms / unit_ms:.1f} {unit}"
    return f"{ms / 1000:.1f} s"


def usage_text(day: ApiUsage) -> str:
    calls = sum(number for kind, number in day.calls.items() if kind not in NO_CALLS)
    events, own, tokens = (day.calls.get(kind, 0) for kind in ("events", "own_events", "tokens"))
    echo = f" ({own:,} of our own write-back)" if own else ""
    text = f"{calls:,} API calls, {events:,} change events{echo}, {tokens:,} new tokens"
    if day.allowed is not None and day.remaining is not None:
        text += f"; the org has {day.remaining:,} of {day.allowed:,} API calls left"
    return text


def moment(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"
