"""The job that compares a list with the org: one document for each list, in which its last comparison is told."""

from __future__ import annotations

from schemas.documents import Job, ListDefinition, ReadRequest
from workers.core.lists.comparing import comparison_id
from workers.ports import Documents


async def ask_for_comparison(jobs: Documents[Job], team: str, definition: ListDefinition, now_ms: int) -> None:
    """Unless one is open. What the last one found stays told until the next one is done. Raises Unavailable."""
    job_id = comparison_id(definition.list_id)
    last = (await jobs.load([(team, job_id)])).get((team, job_id))
    if last is not None and last.state in ("pending", "running"):
        return
    request = ReadRequest(entity=definition.entity, list_id=definition.list_id)
    job = Job(team=team, job_id=job_id, kind="list", state="pending", request=request, updated_at_ms=now_ms)
    if last is not None:
        job = job.model_copy(update={"rev": last.rev, "report": last.report, "detail": last.detail})
    # Who loses the swap is told by the winner's document: it asks for the same.
    await jobs.swap([job])
