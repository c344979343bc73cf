"""Jobs that a person asks for or has to decide about; capture does them."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.documents import Job, ReadRequest
from schemas.events import Entity
from workers.core.normalize import long_id
from workers.ports import Documents, Refused, Unavailable

MAX_IDS = 50_000
"""Stored in the job's document, 21 bytes each: a sixteenth of what MongoDB takes."""


def read_request(entity: Entity, *, since_ms: int | None, ids: Iterable[str], dry_run: bool) -> ReadRequest:
    """Ids of 15 characters get the three that are missing. Raises Refused."""
    try:
        long_ids = tuple(dict.fromkeys(map(long_id, ids)))
    except ValueError as error:
        raise Refused(str(error)) from None
    if len(long_ids) > MAX_IDS:
        raise Refused(f"{len(long_ids)} ids: at most {MAX_IDS} at once; without ids the entity is read whole")
    return ReadRequest(entity=entity, since_ms=since_ms, ids=long_ids, dry_run=dry_run)


async def request_backfill(jobs: Documents[Job], team: str, request: ReadRequest, now_ms: int) -> Job:
    """Raises Refused."""
    job = Job(
        team=team,
        job_id=f"backfill-{request.entity}-{now_ms}",
        kind="backfill",
        state="pending",
        request=request,
        updated_at_ms=now_ms,
    )
    if await jobs.swap([job]):
        raise Refused(f"job {job.job_id} was asked for in this very moment")
    return job


async def job_of(jobs: Documents[Job], team: str, job_id: str) -> Job:
    """Raises Refused when there is no such job."""
    stored = (await jobs.load([(team, job_id)])).get((team, job_id))
    if stored is None:
        raise Refused(f"team {team} has no job {job_id}: segment-sync jobs list {team} shows them")
    return stored


async def confirm(jobs: Documents[Job], team: str, job_id: str, now_ms: int) -> Job:
    """Agree to what a job asks; it is done anew, on the state of then. Raises Refused when it asks nothing."""
    job = await job_of(jobs, team, job_id)
    if job.state != "needs_confirmation" or job.request is None:
        raise Refused(f"job {job_id} is {job.state.replace('_', ' ')} and asks nothing")
    request = job.request.model_copy(update={"confirmed": True})
    update = {"state": "pending", "request": request, "detail": None, "done": 0, "updated_at_ms": now_ms}
    update |= {"refusals": 0, "not_before_ms": None}
    if await jobs.swap([job.model_copy(update=update)]):
        raise Unavailable(f"job {job_id} changed at the same time: look at it again")
    return job.model_copy(update={**update, "rev": job.rev + 1})
