"""How far a team is: imported, evaluated, counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from schemas.documents import ApiUsage, CaptureStatus, Job
from schemas.events import Entity
from workers.ports import Store
from workers.runtime.edits import rule_set_of

DAYS = 7
"""Of the use of an org's allowances that a status tells."""


@dataclass(frozen=True, slots=True)
class TeamStatus:
    team: str
    at_ms: int
    records: dict[Entity, int]
    people: int
    accounts: int
    segments: dict[str, int]
    skipped: dict[tuple[Entity, str], int]
    unevaluated: int
    """Records not yet evaluated under the current rules."""
    jobs: list[Job] = field(default_factory=list)
    capture: CaptureStatus | None = None
    """None until a worker captures the team."""
    usage: list[ApiUsage] = field(default_factory=list)
    """What was asked of the org on the last days (UTC), newest first."""


async def team_status(store: Store, team: str, now_ms: int) -> TeamStatus:
    rule_set = await rule_set_of(store, team)
    people = await store.people_queries.segment_sizes(team)
    accounts = await store.account_queries.segment_sizes(team)
    segments = {s.segment_id: 0 async for s in store.segments.scan(team) if not s.deleted}
    return TeamStatus(
        team=team,
        at_ms=now_ms,
        records=await store.record_queries.count(team),
        people=await store.people_queries.count(team),
        accounts=await store.account_queries.count(team),
        segments=segments | people | accounts,
        skipped=await store.record_queries.skipped(team),
        unevaluated=await store.record_queries.count_older_than(team, rule_set.version),
        jobs=[job async for job in store.jobs.scan(team)],
        capture=(await store.capture_status.load([(team, team)])).get((team, team)),
        usage=await last_days(store, team, now_ms),
    )


async def last_days(store: Store, team: str, now_ms: int) -> list[ApiUsage]:
    """Days without a call are absent."""
    today = datetime.fromtimestamp(now_ms / 1000, UTC).date()
    days = [(today - timedelta(days=ago)).isoformat() for ago in range(DAYS)]
    found = await store.api_usage.load([(team, day) for day in days])
    return [found[team, day] for day in days if (team, day) in found]
