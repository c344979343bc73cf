"""What capture counts. No team labels: teams are many, and their names are not for everybody."""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

from prometheus_client import Counter, Gauge, Histogram

from workers.core.capture.channel_status import RETENTION_MS, ChannelStatus, SessionState

CHANGES = Counter("capture_changes_published_total", "Changes committed to the change topics", ["entity", "kind"])
PARKED = Counter("capture_parked_total", "Events and rows set aside as malformed")
TRANSACTIONS = Counter("capture_transactions_total", "Kafka transactions committed")
COMMIT_SECONDS = Histogram("capture_commit_seconds", "From the first submission taken to the transaction committed")
RECONNECTS = Counter("capture_reconnects_total", "Sessions that ended and began again", ["reason"])
REREADS = Counter("capture_rereads_total", "Records read again because an event did not tell how they changed")
POLLED = Counter("capture_polled_total", "Changed records found by polling", ["entity"])
SNAPSHOTS = Counter("capture_snapshots_started_total", "Bulk queries started", ["entity"])
FENCED = Counter("capture_fenced_total", "Shards lost to another worker")
JOBS_WAITING = Counter("capture_jobs_interrupted_total", "Attempts at a job that must be repeated", ["kind"])
LIST_ANSWERS = Counter("capture_list_answers_total", "Answers of orgs about records in lists that only they can tell")
MERGES = Counter("capture_merges_total", "Deleted records that were found to be merged into others")
STORE_ERRORS = Counter("capture_store_unavailable_total", "Looks at the connections that MongoDB did not answer")
SHARDS = Gauge("capture_shards", "Shards owned")
SESSIONS = Gauge("capture_sessions", "Sessions by state", ["state"])
LAG_SECONDS = Histogram(
    "capture_event_lag_seconds",
    "From the commit in an org to the arrival here",
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14_400, 43_200),
)
CHANNELS = Gauge("capture_channels", "Channels by state", ["state"])
POLLED_CHANNELS = Gauge("capture_polled_channels", "Channels whose events cannot be had: kept in sync by queries")
WAITING = Gauge("capture_events_waiting", "Events that have arrived and are not committed yet")
LATEST = Gauge(
    "capture_most_late_seconds", "Since the moment up to which everything is known, of the channel that is worst off"
)
POLLED_LATEST = Gauge("capture_polled_most_late_seconds", "The same, of the channels that are polled")
HEADROOM = Gauge(
    "capture_least_headroom_seconds", "Until unread events expire, of the channel that is worst off; negative: too late"
)
BUDGETS_USED_UP = Gauge("capture_budgets_used_up", "Teams whose background work waits for API requests of their org")


def tell_channels(channels: Iterable[ChannelStatus], now_ms: int) -> None:
    """Of all teams together: per team they are in `segment-sync teams status`."""
    told = list(channels)
    for state in get_args(SessionState):
        CHANNELS.labels(state).set(sum(channel.state == state for channel in told))
    POLLED_CHANNELS.set(sum(channel.polling for channel in told))
    WAITING.set(sum(channel.waiting for channel in told))
    late_ms = {channel: late for channel in told if (late := channel.late_ms(now_ms)) is not None}
    LATEST.set(max(late_ms.values(), default=0) / 1000)
    POLLED_LATEST.set(max((late for channel, late in late_ms.items() if channel.polling), default=0) / 1000)
    HEADROOM.set(min((RETENTION_MS - late for late in late_ms.values()), default=RETENTION_MS) / 1000)
