"""The application of an edited rule set as a job that people can watch.

Derived from what the records say (`Record.rule_set_version`), by whoever commands them: a killed process loses nothing.
"""

from __future__ import annotations

from schemas.documents import Job, RuleSet
from workers.ports import Store

PREFIX = "rules-"

EVERY_MS = 2000
"""Counting what is left behind reads that many keys of an index: not at each look."""


def job_id(rule_set: RuleSet) -> str:
    return f"{PREFIX}{rule_set.version:08d}"


async def note_progress(store: Store, rule_set: RuleSet, now_ms: int) -> None:
    """Who loses a swap leaves it to whoever won."""
    key = (rule_set.team, job_id(rule_set))
    job = (await store.jobs.load([key])).get(key)
    if job is not None and (job.state == "done" or now_ms - job.updated_at_ms < EVERY_MS):
        return
    left = await store.record_queries.count_older_than(rule_set.team, rule_set.version)
    job = job or _begun(rule_set, left)
    total = max(job.total or 0, left)
    update = {"done": total - left, "total": total, "updated_at_ms": now_ms}
    await store.jobs.swap([job.model_copy(update=update)])


async def note_applied(store: Store, rule_set: RuleSet, now_ms: int) -> None:
    """Also of earlier versions, which no record needs any more."""
    jobs = {job_id(rule_set): _begun(rule_set, 0)}
    async for job in store.jobs.scan(rule_set.team, after=PREFIX):
        if not job.job_id.startswith(PREFIX):
            break
        jobs[job.job_id] = job
    done = [
        job.model_copy(
            update={"state": "done", "done": job.total or 0, "updated_at_ms": now_ms, "finished_at_ms": now_ms}
        )
        for job in jobs.values()
        if job.state == "running" and job.job_id <= job_id(rule_set)
    ]
    if done:
        await store.jobs.swap(done)


def _begun(rule_set: RuleSet, left: int) -> Job:
    return Job(
        team=rule_set.team,
        job_id=job_id(rule_set),
        kind="rules",
        state="running",
        total=left,
        detail=rule_set.edit.what if rule_set.edit else None,
        updated_at_ms=0,
    )
