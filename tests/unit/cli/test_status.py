"""What `teams status` says of a team's channels and of what was asked of its org."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from schemas.documents import ApiUsage, CaptureStatus, ChannelState
from workers.cli.status import SILENT_MS, as_document, as_table, channel_text
from workers.console.progress import TeamStatus
from workers.core.capture.channel_status import RETENTION_MS

NOON_MS = 1_772_280_000_000  # 2026-02-28T12:00:00Z
HOUR_MS = 3_600_000
CHANNEL = ChannelState(state="streaming", since_ms=NOON_MS - HOUR_MS, confirmed_ms=NOON_MS - 90_000)


def team_status(channel: ChannelState = CHANNEL, told_ms: int = NOON_MS) -> TeamStatus:
    capture = CaptureStatus(team="acme", channels={"contact": channel}, updated_at_ms=told_ms)
    usage = ApiUsage(
        team="acme",
        day="2026-02-28",
        calls={"rest": 3, "query": 1, "events": 70, "own_events": 12, "tokens": 2},
        allowed=9,
        remaining=5,
    )
    return TeamStatus("acme", NOON_MS, {}, 0, 0, {}, {}, 0, capture=capture, usage=[usage])


def printed(status: TeamStatus) -> str:
    console = Console(width=200)
    with console.capture() as shown:
        console.print(as_table(status))
    return shown.get()


@pytest.mark.parametrize(
    ("channel", "says"),
    [
        ({}, "complete up to 2026-02-28 11:58 UTC (unread events expire in 72.0 h)"),
        ({"confirmed_ms": NOON_MS - RETENTION_MS}, "events may have expired unread)"),
        ({"state": "quota_exceeded", "reason": "used up"}, "quota exceeded since 2026-02-28 11:00 UTC: used up"),
        (
            {"state": "forbidden", "polling": True, "reason": "no View All"},
            "forbidden, polled since 2026-02-28 11:00 UTC: no",
        ),
        ({"polling": True}, "complete up to 2026-02-28 11:58 UTC (1.5 min late; unread events expire in 72.0 h)"),
        ({"lag_ms": 2400}, "the last event took 2.4 s"),
        ({"waiting": 1200, "parked": 3, "reconnects": 2}, "1,200 waiting; 3 parked; 2 reconnects"),
    ],
)
def test_a_channel_says_how_it_is(channel: dict[str, Any], says: str) -> None:
    assert says in channel_text(CHANNEL.model_copy(update=channel), NOON_MS)


def test_nothing_is_said_of_what_is_not_known() -> None:
    text = channel_text(ChannelState(state="connecting", since_ms=NOON_MS), NOON_MS)
    assert text == "connecting since 2026-02-28 12:00 UTC"


def test_the_document_tells_lateness_and_headroom() -> None:
    document: Any = as_document(team_status())
    channel = document["capture"]["channels"]["contact"]
    assert (channel["late_ms"], channel["headroom_ms"]) == (90_000, RETENTION_MS - 90_000)
    unknown: Any = as_document(team_status(CHANNEL.model_copy(update={"confirmed_ms": None})))
    assert unknown["capture"]["channels"]["contact"]["headroom_ms"] is None


def test_calls_events_and_tokens_are_told_apart() -> None:
    assert (
        "4 API calls, 70 change events (12 of our own write-back), 2 new tokens; the org has 5 of 9 API calls left"
        in printed(team_status())
    )


@pytest.mark.parametrize(("age_ms", "warned"), [(SILENT_MS, False), (SILENT_MS + 1, True)])
def test_a_worker_that_has_long_been_silent_is_missed(age_ms: int, warned: bool) -> None:
    assert ("is it running?" in printed(team_status(told_ms=NOON_MS - age_ms))) == warned
