"""Backfills, sweeps and comparisons: asked for in a document, done by the process that owns the team."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

import pytest

from schemas.documents import Job, ReadRequest
from schemas.events import Entity
from tests.support.waiting import until
from workers.adapters.memory.salesforce import EPOCH_MS
from workers.adapters.memory.shards import MemoryShardOwnership
from workers.capture.mirror import rereads
from workers.capture.mirror.queries import QueryFailed
from workers.capture.requested import backfill
from workers.console.jobs import confirm, request_backfill
from workers.core.capture import refused_jobs
from workers.ports import Refused, Unavailable

from .capture_rig import Rig, record_id

MOMENTS = count(7)
ADA, BOB, EVE = record_id(1), record_id(2), record_id(3)


@pytest.fixture
async def rig() -> Rig:
    """A connected team with three contacts, which are mirrored."""
    rig = Rig()
    await rig.connect()
    for record in (ADA, BOB, EVE):
        await rig.org.write("contact", [record], {"LastName": "Name"}, "CREATE")
    await rig.mirror("contact", ADA, BOB, EVE, at_ms=EPOCH_MS - 7_200_000)
    return rig


async def ask(rig: Rig, kind: str = "backfill", entity: Entity = "contact", **asked: object) -> str:
    request = ReadRequest.model_validate({"entity": entity, **asked})
    if kind == "backfill":
        return (await request_backfill(rig.store.jobs, "acme", request, next(MOMENTS))).job_id
    job = Job.model_validate(
        {"team": "acme", "job_id": kind, "kind": kind, "state": "pending", "request": request, "updated_at_ms": 7}
    )
    assert not await rig.store.jobs.swap([job])
    return kind


# --- backfills -------------------------------------------------------------------------------------------------------


async def test_a_dry_run_counts_and_reads_nothing(rig: Rig) -> None:
    async with rig.running():
        await until(rig.streaming)
        published = len(rig.published())
        job = await rig.ended(await ask(rig, dry_run=True))
        since = await rig.ended(await ask(rig, dry_run=True, since_ms=EPOCH_MS + 3_000, entity="contact"))

    assert (job.state, job.report) == ("done", {"records": 3})
    assert since.report == {"records": 1}
    assert len(rig.published()) == published


async def test_records_by_id_with_those_that_are_gone(rig: Rig) -> None:
    async with rig.running():
        await until(rig.streaming)
        await rig.org.write("contact", [BOB], {}, "DELETE")
        await until(lambda: bool(rig.published("delete")))
        job = await rig.ended(await ask(rig, ids=(ADA, BOB, record_id(99))))

    assert (job.state, job.done, job.report) == ("done", 3, {"read": 2, "vanished": 1})
    assert [c.record_id for c in rig.published("delete")] == [BOB, BOB]


async def test_of_records_that_only_matter_while_they_live_no_deletion_is_published(rig: Rig) -> None:
    async with rig.running():
        await until(rig.streaming)
        await rig.org.write("contact", [BOB], {}, "DELETE")
        await until(lambda: bool(rig.published("delete")))
        snapshots = len(rig.published("snapshot"))
        await rig.ended(await ask(rig, ids=(ADA, BOB), living_only=True))

    assert [c.record_id for c in rig.published("delete")] == [BOB]
    assert [c.record_id for c in rig.published("snapshot")[snapshots:]] == [ADA]


async def test_what_changed_since_a_moment(rig: Rig) -> None:
    async with rig.running():
        await until(rig.streaming)
        before = len(rig.published())
        job = await rig.ended(await ask(rig, since_ms=EPOCH_MS + 2_000))

    assert (job.state, job.done, job.total, job.report) == ("done", 2, 2, {"read": 2})
    assert [c.record_id for c in rig.published()[before:]] == [BOB, EVE]


async def test_a_whole_entity_is_swept_afterwards(rig: Rig) -> None:
    async with rig.running():
        await until(rig.streaming)
        await rig.mirror("contact", record_id(9))
        job = await rig.ended(await ask(rig))
        sweep = await rig.ended("sweep-contact")

    assert job.report == {"read": 3}
    assert (sweep.report["mirrored"], sweep.report["missing"], sweep.report["vanished"]) == (4, 1, 1)


async def test_a_backfill_survives_the_process(rig: Rig) -> None:
    rig.org.query_polls = 10**9
    async with rig.running():
        await until(lambda: rig.org.calls.count("query_state") > 3)
        job_id = await ask(rig)
        await until(lambda: _running(rig, job_id))
    rig.org.query_polls = 0
    for query in rig.org._queries.values():
        query.polls_left = 0
    async with rig.running(rig.process(MemoryShardOwnership(range(64)))):
        job = await rig.ended(job_id)

    assert (job.state, job.report) == ("done", {"read": 3})


async def _running(rig: Rig, job_id: str) -> bool:
    job = await rig.job(job_id=job_id)
    return job is not None and job.state == "running"


async def test_a_job_that_is_refused_is_tried_again_and_neither_the_stream_nor_other_jobs_wait(rig: Rig) -> None:
    async with rig.running():
        await until(rig.streaming)
        rig.org.failures["records"] = [Unavailable("503"), Refused("INVALID_FIELD")]
        job_id = await ask(rig, ids=(ADA,))
        await until(lambda: _is_put_off(rig, job_id, "INVALID_FIELD"))
        await rig.org.write("contact", [ADA], {"Title": "streams"})
        await until(lambda: rig.titles() == ["streams"])
        counted = await rig.ended(await ask(rig, dry_run=True))
        assert (await rig.job(job_id=job_id)) is not None
        rig.ticks.pass_ms(refused_jobs.LONGEST_PAUSE_MS)
        job = await rig.ended(job_id)

    assert counted.state == "done"
    assert (job.state, job.detail, job.refusals, job.report["read"]) == ("done", None, 1, 1)


async def _is_put_off(rig: Rig, job_id: str, reason: str) -> bool:
    job = await rig.job(job_id=job_id)
    return job is not None and (job.detail, job.refusals) == (reason, 1) and job.not_before_ms is not None


async def test_a_job_that_is_refused_again_and_again_has_failed_in_the_end(rig: Rig) -> None:
    async with rig.running():
        await until(rig.streaming)
        rig.org.failures["records"] = [Refused("INVALID_TYPE")] * refused_jobs.MOST_REFUSALS
        job_id = await ask(rig, "sweep")
        await rig.mirror("contact", record_id(9))

        async def has_failed() -> bool:
            rig.ticks.pass_ms(refused_jobs.LONGEST_PAUSE_MS)
            return await rig.job_ended(job_id)

        await until(has_failed)
    job = await rig.ended(job_id)
    assert (job.state, job.detail, job.refusals) == ("failed", "INVALID_TYPE", refused_jobs.MOST_REFUSALS - 1)
    assert rig.org.failures["records"] == []


async def test_a_query_that_salesforce_gives_up_puts_its_job_off(rig: Rig) -> None:
    async with rig.running():
        await until(rig.streaming)
        rig.org.failures["query_state"] = [QueryFailed("Failed: QUERY_TIMEOUT")]
        job_id = await ask(rig, "sweep")
        await until(lambda: _is_put_off(rig, job_id, "Failed: QUERY_TIMEOUT"))
        rig.ticks.pass_ms(refused_jobs.LONGEST_PAUSE_MS)
        assert (await rig.ended(job_id)).state == "done"


async def test_a_count_that_is_refused_has_failed_since_somebody_waits_for_it(rig: Rig) -> None:
    async with rig.running():
        await until(rig.streaming)
        rig.org.failures["count"] = [Refused("INVALID_TYPE")]
        job = await rig.ended(await ask(rig, dry_run=True))
    assert (job.state, job.detail) == ("failed", "INVALID_TYPE")


# --- sweeps ----------------------------------------------------------------------------------------------------------


async def test_a_backfill_of_many_records_leaves_off_between_batches_when_our_share_is_used_up(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "REREAD_RECORDS", 1)
    read = rig.org.records

    async def one_more(entity: Entity, ids: Sequence[str], names: Sequence[str]) -> list[dict[str, Any]]:
        rig.org.calls_left = 0
        return await read(entity, ids, names)

    async with rig.running():
        await until(rig.streaming)
        monkeypatch.setattr(rig.org, "records", one_more)
        job_id = await ask(rig, ids=(ADA, BOB))
        await until(lambda: rig.has_done(job_id, 1))
        rig.org.calls_left = None
        assert (await rig.ended(job_id)).report == {"read": 2, "vanished": 0}


async def test_a_sweep_looks_at_the_budget_before_each_batch_of_a_confirmation(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rereads, "REREAD_RECORDS", 1)
    await rig.mirror("contact", *(record_id(number) for number in range(100, 104)), at_ms=EPOCH_MS - 7_200_000)
    looked_at: list[str] = []
    read = rig.org.records

    async def one_more(entity: Entity, ids: Sequence[str], names: Sequence[str]) -> list[dict[str, Any]]:
        assert rig.org.calls_left != 0, "asked although nothing was left"
        looked_at.extend(ids)
        rig.org.calls_left = 0
        return await read(entity, ids, names)

    async with rig.running():
        await until(rig.streaming)
        monkeypatch.setattr(rig.org, "records", one_more)
        job_id = await ask(rig, "sweep", confirmed=True)
        for number in range(1, 5):
            await until(lambda number=number: len(looked_at) == number)  # type: ignore[misc]
            rig.org.calls_left = None
        job = await rig.ended(job_id)

    assert job.report["vanished"] == 4


async def test_a_sweep_deletes_what_the_recycle_bin_confirms(rig: Rig) -> None:
    await rig.org.write("contact", [EVE], {}, "DELETE")
    async with rig.running():
        await until(rig.streaming)
        job = await rig.ended(await ask(rig, "sweep"))

    assert (job.state, job.report["deleted"], job.report["vanished"]) == ("done", 1, 0)
    assert [c.record_id for c in rig.published("delete")] == [EVE]


async def test_records_that_left_no_trace_are_asked_about(rig: Rig) -> None:
    await rig.mirror("contact", record_id(9))
    async with rig.running():
        await until(rig.streaming)
        job = await rig.ended(await ask(rig, "sweep"))
        assert not rig.published("delete")
        assert job.state == "needs_confirmation"
        await confirm(rig.store.jobs, "acme", "sweep", 9)
        job = await rig.ended("sweep")

    assert (job.state, job.report["deleted"]) == ("done", 1)
    assert [c.record_id for c in rig.published("delete")] == [record_id(9)]


async def test_a_lost_permission_deletes_nobody(rig: Rig) -> None:
    """The connected user no longer sees a third of the records, neither among the living nor in the recycle bin."""
    await rig.mirror("contact", *(record_id(number) for number in range(10, 37)))
    for number in range(10, 37):
        await rig.org.write("contact", [record_id(number)], {}, "CREATE")
    async with rig.running():
        await until(rig.streaming)
        for number in range(10, 20):
            del rig.org.rows["contact"][record_id(number)]
        job = await rig.ended(await ask(rig, "sweep"))

    assert job.state == "needs_confirmation"
    assert job.detail is not None
    assert "10 of 30 contacts" in job.detail
    assert not rig.published("delete")


# --- comparisons -----------------------------------------------------------------------------------------------------


async def test_a_comparison_finds_a_change_whose_event_was_never_published(rig: Rig) -> None:
    """And reads everything of the last week again, since a sample finds only some."""
    async with rig.running():
        await until(rig.streaming)
        rig.org.rows["contact"][ADA]["Title"] = "never announced"
        rig.org.rows["contact"][ADA]["SystemModstamp"] = "2023-11-14T21:33:20.000Z"
        job = await rig.ended(await ask(rig, "reconcile"))
        await until(lambda: any(c.fields.get("Title") == "never announced" for c in rig.published("snapshot")))

    assert (job.report["compared"], job.report["in_org"], job.report["in_mirror"]) == (3, 3, 3)
    assert job.report["differing"] == 1
    assert "SystemModstamp >= " in rig.reads()[-1]
