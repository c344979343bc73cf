"""How far a team is: imported, evaluated, counted."""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.documents import Job
from schemas.events import Entity
from workers.console.rules import rule_set_of
from workers.ports import Store


@dataclass(frozen=True, slots=True)
class TeamStatus:
    team: str
    records: dict[Entity, int]
    people: int
    accounts: int
    segments: dict[str, int]
    skipped: dict[tuple[Entity, str], int]
    unevaluated: int
    """Records not yet evaluated under the current rules."""
    jobs: list[Job] = field(default_factory=list)


async def team_status(store: Store, team: str) -> TeamStatus:
    rule_set = await rule_set_of(store, team)
    people = await store.people_queries.segment_sizes(team)
    accounts = await store.account_queries.segment_sizes(team)
    segments = {s.segment_id: 0 async for s in store.segments.scan(team)}
    return TeamStatus(
        team=team,
        records=await store.record_queries.count(team),
        people=await store.people_queries.count(team),
        accounts=await store.account_queries.count(team),
        segments=segments | people | accounts,
        skipped=await store.record_queries.skipped(team),
        unevaluated=await store.record_queries.count_older_than(team, rule_set.version),
        jobs=[job async for job in store.jobs.scan(team)],
    )
