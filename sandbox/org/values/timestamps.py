"""The forms in which Salesforce writes moments: REST and Bulk, change events, list-view results."""

from __future__ import annotations

from datetime import UTC, datetime


def rest_datetime(epoch_seconds: float) -> str:
    """``2024-07-02T08:28:26.000+0000``: the form of rows, REST and Bulk ingest."""
    return f"{datetime.fromtimestamp(int(epoch_seconds), UTC):%Y-%m-%dT%H:%M:%S}.000+0000"


def event_datetime(value: str) -> str:
    """``2024-07-02T08:28:26.000Z``: the form of change events and Bulk query results."""
    return value.removesuffix("+0000") + "Z" if value.endswith("+0000") else value


def parse_datetime(text: str) -> datetime:
    """An ISO date-time with an offset, in UTC. ValueError when it is not one."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"no offset: {text}")
    return moment.astimezone(UTC)


def normal_datetime(text: str) -> str:
    """Any accepted date-time in the form of rows; ValueError or OverflowError when it is none."""
    moment = parse_datetime(text)
    return f"{moment.year:04d}-{moment:%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}+0000"
