"""Faults of jobs: what strikes while one is worked on."""

from __future__ import annotations

import asyncio

from sandbox.org.bulk.jobs import Job
from sandbox.org.faults.plan import FaultPlan

_DEFAULT_SECONDS = 1.0
# Bulk API 2.0 guide, "Limits": the API gives a batch up after so many attempts, a query after 15.
_GIVEN_UP = {
    "V2Ingest": "InternalServerError : The batch was retried more than 20 times. Use a smaller upload file.",
    "V2Query": "InternalServerError : The query was retried more than 15 times. Apply a filter criteria.",
}


async def strike(plan: FaultPlan, job: Job, **occasion: object) -> bool:
    """Let planned faults strike a job that is about to do its work, or its next batch; False: it failed."""
    if plan.idle:
        return True
    where = {"object": job.object_name, "operation": job.operation, "job_type": job.job_type}
    where |= {name: str(value) for name, value in occasion.items()}
    slow = plan.take("slow-job", **where)
    if slow is not None:
        await asyncio.sleep(slow.seconds(_DEFAULT_SECONDS))
    failure = plan.take("failed-job", **where)
    if failure is None:
        return True
    job.fail(str(failure.settings.get("message", _GIVEN_UP[job.job_type])))
    return False
