"""A team's status, for machines and for people."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from schemas.documents import ApiUsage, CaptureStatus, ChannelState
    from workers.console.progress import TeamStatus


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
        "capture": status.capture.model_dump(mode="json", exclude={"team", "rev"}) if status.capture else None,
        "api_usage": [day.model_dump(mode="json", exclude={"team", "rev"}) for day in status.usage],
    }


def as_table(status: TeamStatus) -> Table:
    table = Table("", "", title=f"Team {status.team}", show_header=False)
    for entity, n in status.records.items():
        table.add_row(f"{entity} records", str(n))
    table.add_row("people", str(status.people))
    table.add_row("accounts", str(status.accounts))
    for segment, n in status.segments.items():
        table.add_row(f"segment {segment}", str(n))
    for (entity, reason), n in sorted(status.skipped.items()):
        table.add_row(f"{entity}s not imported: {reason.replace('_', ' ')}", str(n))
    if status.unevaluated:
        table.add_row("still to evaluate", str(status.unevaluated))
    if status.capture is not None:
        _add_capture(table, status.capture)
    if status.usage:
        table.add_row("asked of the org today", usage_text(status.usage[0]))
    return table


def _add_capture(table: Table, capture: CaptureStatus) -> None:
    for entity, channel in sorted(capture.channels.items()):
        table.add_row(f"{entity} changes", channel_text(channel))
    for result in capture.checks:
        if result.outcome in ("failed", "warning"):
            table.add_row(f"check: {result.check}", result.says)


def channel_text(channel: ChannelState) -> str:
    """E.g. "polling since 2026-02-28 12:00 UTC: Contact is not selected ...; complete up to 11:58"."""
    state = "polled" if channel.polling else channel.state.replace("_", " ")
    text = f"{state} since {moment(channel.since_ms)}"
    if channel.reason:
        text += f": {channel.reason}"
    if channel.confirmed_ms is not None:
        text += f"; complete up to {moment(channel.confirmed_ms)}"
    return text


def usage_text(day: ApiUsage) -> str:
    calls = sum(number for kind, number in day.calls.items() if kind != "events")
    text = f"{calls:,} API calls, {day.calls.get('events', 0):,} change events"
    if day.allowed is not None and day.remaining is not None:
        text += f"; the org has {day.remaining:,} of {day.allowed:,} API calls left"
    return text


def moment(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"
