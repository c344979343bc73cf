from __future__ import annotations

from schemas.documents import Job
from schemas.events import ENTITIES, Snapshot
from tests.support.clock import SetClock
from workers.adapters.memory.store import memory_store
from workers.capture.mirror.progress import JOB_ID, ImportProgress
from workers.ports import Store

from .capture_rig import QUICK

LATELY = Snapshot(state="done", since_ms=1)


async def told_by_a_successor(store: Store) -> None:
    """A process that has nothing to read but what changed lately."""
    progress = ImportProgress(store.jobs, "acme", SetClock(5), QUICK)
    for entity in ENTITIES:
        progress.reached(entity, LATELY)
    assert progress._changed.is_set()
    assert await progress._write()


async def import_of(store: Store) -> Job | None:
    return (await store.jobs.load([("acme", JOB_ID)])).get(("acme", JOB_ID))


async def test_an_import_whose_end_nobody_told_is_told_to_be_done() -> None:
    """Its process was killed after the last page and before the document."""
    store = memory_store()
    running = Job(team="acme", job_id=JOB_ID, kind="import", state="running", done=60, total=60, updated_at_ms=1)
    await store.jobs.swap([running])
    await told_by_a_successor(store)
    job = await import_of(store)
    assert job is not None
    assert (job.state, job.done, job.total, job.updated_at_ms) == ("done", 60, 60, 5)


async def test_a_small_reading_alone_is_no_import() -> None:
    store = memory_store()
    await told_by_a_successor(store)
    assert await import_of(store) is None
