"""What the org does wrong during a run, judged by the org's own ledger: every row once, or a run that says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator

import pytest
import stamina

from sandbox.org.config import OrgConfig
from sandbox.org.faults.plan import FaultSpec
from sandbox.org.server import serve
from schemas.documents import WritebackRun, WritebackSettings
from workers.ports import Unavailable

from .org_rig import TEAM, OrgRig, connected

DAY_MS = 86_400_000
INGEST = "/services/data/v62.0/jobs/ingest"
COLLECTIONS = "/services/data/v62.0/composite/sobjects"
BATCH_ROWS = 6


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("workers.insights.sending.next_part.ROUND_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr("workers.insights.sending.calls.PAUSE_SECONDS", 0.0)
    monkeypatch.setattr("workers.insights.sending.job.FAILURE_PAUSE_SECONDS", 0.0)
    with stamina.set_testing(True, attempts=3):
        yield


@pytest.fixture
async def rig() -> AsyncIterator[OrgRig]:
    sandbox = await serve(OrgConfig(contacts=20, leads=2, accounts=2, bulk_internal_batch_rows=BATCH_ROWS))
    async with sandbox, connected(sandbox) as rig:
        for number, record_id in enumerate(rig.ids("contact")):
            await rig.scored("person", f"p{number}@acme.com", [("contact", record_id)], number + 0.5, DAY_MS * number)
        yield rig


@pytest.fixture
def by_job(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("workers.insights.sending.next_part", "workers.core.writeback.parts"):
        monkeypatch.setattr(f"{module}.by_calls", lambda rows, number: False)


def fault(kind: str, method: str, path: str, times: int = 1, **settings: object) -> FaultSpec:
    return FaultSpec(kind, times=times, where={"method": method, "path": path}, settings=settings)


def writes(rig: OrgRig) -> Counter[str]:
    """By record, as the org counts them."""
    commits = rig.sandbox.org.ledger.after(0)
    return Counter(each.record_id for each in commits if each.actor is not None and each.actor.client == "SegmentSync")


async def assert_written_once(rig: OrgRig, run: WritebackRun) -> None:
    contacts = rig.ids("contact")
    assert (run.state, run.accepted, run.rejected, run.unprocessed, run.detail) == ("done", len(contacts), 0, 0, None)
    assert writes(rig) == dict.fromkeys(contacts, 1)
    rows = await rig.query("SELECT Id, Engagement_Score__c FROM Contact")
    assert {row["Id"]: row["Engagement_Score__c"] for row in rows} == {
        record_id: number + 0.5 for number, record_id in enumerate(contacts)
    }
    calls = rig.sandbox.stats.api_requests
    assert (await rig.write_back()).planned == 0
    assert rig.sandbox.stats.api_requests == calls


JOB_FAULTS = {
    "create-lost": fault("lost-reply", "POST", INGEST),
    "create-reset": fault("reset", "POST", INGEST),
    "create-503": fault("html-503", "POST", INGEST, times=2),
    "upload-lost": fault("lost-reply", "PUT", INGEST),
    "upload-reset": fault("reset", "PUT", INGEST),
    "complete-lost": fault("lost-reply", "PATCH", INGEST),
    "complete-503": fault("html-503", "PATCH", INGEST, times=2),
    "results-cut-off": fault("truncated-reply", "GET", INGEST, times=2),
    "results-cut-off-well-formed": fault("truncated-reply", "GET", INGEST, times=2, silent=True),
    "unauthorized": fault("unauthorized", "PUT", INGEST),
    "locked-rows": FaultSpec("row-lock", times=17, where={"object": "Contact", "operation": "update"}),
    "job-failed-at-a-batch": FaultSpec("failed-job", where={"batch": "3"}),
    "job-failed-at-once": FaultSpec("failed-job", where={"batch": "1"}),
}


@pytest.mark.usefixtures("by_job")
@pytest.mark.parametrize("name", JOB_FAULTS)
async def test_a_job_writes_every_row_once(rig: OrgRig, name: str) -> None:
    rig.sandbox.org.plan(JOB_FAULTS[name])
    run = await rig.write_back()
    await assert_written_once(rig, run)
    assert rig.sandbox.org.ledger.faults
    assert run.retried == {"locked-rows": 17, "job-failed-at-a-batch": 8, "job-failed-at-once": 20}.get(name, 0)


CALL_FAULTS = {
    "lost": fault("lost-reply", "PATCH", COLLECTIONS),
    "lost-twice": fault("lost-reply", "PATCH", COLLECTIONS, times=2),
    "reset": fault("reset", "PATCH", COLLECTIONS),
    "503": fault("html-503", "PATCH", COLLECTIONS, times=2),
    "cut-off": fault("truncated-reply", "PATCH", COLLECTIONS),
    "locked-rows": FaultSpec("row-lock", times=17, where={"object": "Contact", "operation": "update"}),
}


@pytest.mark.parametrize("name", CALL_FAULTS)
async def test_calls_write_every_row_once(rig: OrgRig, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.core.writeback.parts.CALL_ROWS", 8)
    rig.sandbox.org.plan(CALL_FAULTS[name])
    run = await rig.write_back()
    assert run.jobs == {}
    await assert_written_once(rig, run)
    assert rig.sandbox.org.ledger.faults


@pytest.mark.usefixtures("by_job")
async def test_a_job_that_was_wrong_fails_the_run(rig: OrgRig) -> None:
    rig.sandbox.org.plan(FaultSpec("failed-job", settings={"message": "InvalidBatch : Field name not found : X"}))
    run = await rig.write_back()
    assert (run.state, run.accepted, run.unprocessed, run.retried) == ("failed", 0, 20, 0)
    assert "InvalidBatch : Field name not found : X" in (run.detail or "")
    await assert_written_once(rig, await rig.write_back())


@pytest.mark.usefixtures("by_job")
async def test_rows_that_stay_locked_are_tried_again_the_next_day(rig: OrgRig) -> None:
    locked = FaultSpec("row-lock", times=None, where={"object": "Contact", "operation": "update"})
    planned = rig.sandbox.org.plan(locked)
    run = await rig.write_back()
    assert (run.state, run.accepted, run.postponed, run.retried) == ("done", 0, 20, 20)
    assert (await rig.row(run, rig.ids("contact")[0])).code == "UNABLE_TO_LOCK_ROW"
    rig.sandbox.org.faults.remove(planned.number)
    await assert_written_once(rig, await rig.write_back())


@pytest.mark.parametrize("way", ["job", "calls"])
async def test_what_the_quota_leaves_over_waits_for_the_next_day(
    rig: OrgRig, way: str, request: pytest.FixtureRequest
) -> None:
    if way == "job":
        request.getfixturevalue("by_job")
    path, method = (INGEST, "POST") if way == "job" else (COLLECTIONS, "PATCH")
    rig.sandbox.org.plan(fault("quota-exhausted", method, path))
    run = await rig.write_back()
    assert (run.state, run.accepted, run.postponed) == ("done", 0, 20)
    assert "daily API requests" in ((await rig.row(run, rig.ids("contact")[0])).error or "")
    await assert_written_once(rig, await rig.write_back())


@pytest.mark.usefixtures("by_job")
async def test_an_org_that_falls_silent_leaves_a_run_that_the_next_look_finishes(rig: OrgRig) -> None:
    rig.sandbox.org.plan(fault("html-503", "GET", INGEST, times=50))
    with pytest.raises(Unavailable):
        await rig.write_back()
    rig.sandbox.org.faults.remove()
    (stopped,) = [each async for each in rig.store.writeback_runs.scan(TEAM)]
    assert (stopped.state, stopped.released) == ("running", True)
    run = await rig.resume(stopped)
    assert (run.run_id, run.jobs) == (stopped.run_id, stopped.jobs)
    await assert_written_once(rig, run)


@pytest.mark.usefixtures("by_job")
async def test_batches_beyond_the_daily_allowance_are_not_begun() -> None:
    config = OrgConfig(contacts=25, leads=0, accounts=0, bulk_internal_batch_rows=10, daily_bulk_batches=2)
    async with await serve(config) as sandbox, connected(sandbox) as rig:
        for number, record_id in enumerate(rig.ids("contact")):
            await rig.scored("person", f"p{number}@acme.com", [("contact", record_id)], 1, DAY_MS)
        with pytest.MonkeyPatch.context() as patch:
            for module in ("workers.insights.sending.next_part", "workers.core.writeback.parts"):
                patch.setattr(f"{module}.BATCH_ROWS", 10)
            run = await rig.write_back()
        # Half of the org's two batches is our share.
        assert (run.state, run.accepted, run.postponed, run.batches) == ("done", 10, 15, 1)
        assert "daily batches" in (next(row for row in await rig.rows(run) if row.outcome == "postponed").error or "")


@pytest.mark.parametrize("written", [0, 13])
async def test_what_the_org_has_already_is_not_written(rig: OrgRig, written: int) -> None:
    contacts = rig.ids("contact")
    for number, record_id in enumerate(contacts[:written]):
        day = f"1970-01-{number + 1:02d}"
        rig.edit("contact", record_id, {"Engagement_Score__c": number + 0.5, "Last_Engagement_Date__c": day})
    assert not await rig.store.writeback_settings.swap([WritebackSettings(team=TEAM, compare_first=True)])
    run = await rig.write_back()
    assert (run.state, run.planned, run.sent, run.accepted) == ("done", 20, 20 - written, 20 - written)
    assert run.skipped == ({"same": written} if written else {})
    assert writes(rig) == dict.fromkeys(contacts[written:], 1)
    assert (await rig.write_back()).planned == 0
