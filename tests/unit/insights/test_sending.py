"""How a run is sent: call by call, by jobs, again, and by whoever comes after a worker that was stopped or killed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from schemas.documents import WritebackRun, WritebackSettings
from schemas.events import Entity
from workers.ports import IngestState, Refused, RowOutcome, Unavailable

from .insights_rig import TEAM, BulkOrg, Death, Killed, Rig, record_id
from .test_claims import SlowOrg, resumed

LOCKED = "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record:--"


async def people(rig: Rig, count: int) -> list[str]:
    for number in range(count):
        await rig.person(f"p{number}@acme.com", ("contact", number), score=number + 0.5)
    return [record_id("contact", number) for number in range(count)]


async def stored_run(rig: Rig) -> WritebackRun:
    (run,) = [each async for each in rig.store.writeback_runs.scan(TEAM)]
    return run


# --- killed anywhere -------------------------------------------------------------------------------------------------


async def nine(rig: Rig) -> None:
    """Contacts, one of which is locked twice and one deleted, and leads."""
    await people(rig, 7)
    await rig.person("l@acme.com", ("lead", 1), ("lead", 2), score=2.5)
    del rig.org.rows["contact"][record_id("contact", 3)]


class Locking(BulkOrg):
    """One record is locked the first two times."""

    def __init__(self) -> None:
        super().__init__()
        self.locks = 2

    def _row_error(self, entity: Entity, record: str) -> str | None:
        if record == record_id("contact", 5) and self.locks > 0:
            self.locks -= 1
            return LOCKED
        return super()._row_error(entity, record)


async def calls_of_a_run(compare_first: bool) -> int:
    rig, death = await a_rig(compare_first), Death(at=0, after=False)
    await rig.insights(death.store(rig.store), death.org(rig.org)).write_back(TEAM, again=False)
    return death.calls


async def a_rig(compare_first: bool) -> Rig:
    rig = Rig(org=Locking())
    await rig.connect()
    await rig.store.writeback_settings.swap([WritebackSettings(team=TEAM, compare_first=compare_first)])
    await nine(rig)
    return rig


@pytest.mark.parametrize("compare_first", [False, True], ids=["", "compare-first"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_run_without_jobs_killed_at_any_call_is_resumed_to_the_same_end(
    after: bool, compare_first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.core.writeback.parts.CALL_ROWS", 3)
    calls = await calls_of_a_run(compare_first)
    assert calls > 30
    for k in range(1, calls + 1):
        rig = await a_rig(compare_first)
        death = Death(at=k, after=after)
        with pytest.raises(Killed):
            await rig.insights(death.store(rig.store), death.org(rig.org)).write_back(TEAM, again=False)
        run = await resumed(rig)
        assert (run.state, run.planned, run.accepted, run.rejected) == ("done", 9, 8, 1), k
        assert run.rejections == {"ENTITY_IS_DELETED": 1}, k
        written = {each for each, row in (await rig.rows(run)).items() if row.outcome == "accepted"}
        assert {each.record_id async for each in rig.store.insights.scan(TEAM)} == written, k
        assert rig.org.writes == dict.fromkeys(written, 1), k


# --- jobs ------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("by_job")
async def test_a_create_whose_reply_is_lost_leaves_no_job_behind(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    contacts = await people(rig, 3)
    create, lost = rig.org.ingest_create, [True]

    async def lost_reply(entity: Entity) -> str:
        job_id = await create(entity)
        if lost:
            lost.clear()
            raise Unavailable("no reply")
        return job_id

    monkeypatch.setattr(rig.org, "ingest_create", lost_reply)
    rig.org.now_ms = rig.clock.now_ms
    run = await rig.write_back()
    assert (run.state, run.accepted) == ("done", 3)
    assert rig.org.writes == dict.fromkeys(contacts, 1)
    assert [job.state for job in rig.org._ingests.values()] == ["Aborted", "JobComplete"]


@pytest.mark.usefixtures("by_job")
async def test_jobs_of_others_and_of_other_runs_are_left_alone(rig: Rig) -> None:
    """Only what was created since, and nobody has recorded, can be what the lost reply told of."""
    await people(rig, 1)
    rig.org.now_ms = rig.clock.now_ms
    of_another_run = await rig.org.ingest_create("contact")
    rig.org.now_ms = lambda: rig.clock.ms - 3_600_000
    older = await rig.org.ingest_create("contact")
    other = WritebackRun(team=TEAM, run_id="other", started_at_ms=0, jobs={"contact-0": of_another_run})
    assert not await rig.store.writeback_runs.swap([other])
    rig.org.failures["ingest_create"] = [Unavailable("no reply")]
    assert (await rig.write_back()).accepted == 1
    assert {rig.org._ingests[each].state for each in (older, of_another_run)} == {"Open"}


@pytest.mark.usefixtures("by_job")
async def test_a_job_that_is_deleted_under_way_is_settled_by_the_records(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    contacts = await people(rig, 3)
    rig.org.row_errors[contacts[1]] = LOCKED

    async def gone(job_id: str) -> IngestState:
        rig.org.row_errors.clear()
        raise Refused(f"NOT_FOUND: {job_id}")

    monkeypatch.setattr("workers.insights.sending.next_part.by_calls", lambda rows, number: number > 0)
    monkeypatch.setattr(rig.org, "ingest_state", gone)
    run = await rig.write_back()
    assert (run.state, run.accepted, run.retried) == ("done", 3, 1)
    assert rig.org.writes == dict.fromkeys(contacts, 1)


@pytest.mark.usefixtures("by_job")
async def test_a_job_that_comes_to_nothing_again_and_again_leaves_the_run_to_be_resumed(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await people(rig, 1)
    rig.org.failures["ingest_upload"] = [Unavailable("no reply")] * 9
    with pytest.raises(Unavailable):
        await rig.write_back()
    run = await stored_run(rig)
    assert (run.state, run.released) == ("running", True)
    rig.org.failures.clear()
    again = await rig.insights()._ended((await connections(rig))[0], run.run_id)
    assert (again.state, again.accepted, again.released) == ("done", 1, False)
    assert rig.org.left_open == []


async def connections(rig: Rig) -> list[Any]:
    return [each async for each in rig.store.connections.scan(TEAM)]


# --- again -----------------------------------------------------------------------------------------------------------


async def test_rows_that_fail_for_a_passing_reason_are_sent_again_in_smaller_parts(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when ten records together overtax a flow, and four do not."""
    monkeypatch.setattr("workers.core.writeback.parts.CALL_ROWS", 16)
    contacts = await people(rig, 16)
    update, sizes = rig.org.update_records, list[int]()
    overtaxed = "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY:T: System.LimitException: Too many SOQL queries: 101:--"

    async def overtaxing(entity: Entity, rows: Sequence[Mapping[str, str | float | None]]) -> list[RowOutcome]:
        sizes.append(len(rows))
        rig.org.row_errors = {str(row["Id"]): overtaxed for row in rows} if len(rows) > 4 else {}
        return await update(entity, rows)

    monkeypatch.setattr(rig.org, "update_records", overtaxing)
    run = await rig.write_back()
    assert sizes == [16, 8, 8, 4, 4, 4, 4]
    assert (run.state, run.accepted, run.retried, run.sent) == ("done", 16, 16, 16)
    assert rig.org.writes == dict.fromkeys(contacts, 1)


async def test_what_does_not_pass_waits_for_the_next_day_with_its_reason(rig: Rig) -> None:
    contacts = await people(rig, 3)
    rig.org.row_errors[contacts[1]] = LOCKED
    run = await rig.write_back()
    assert (run.state, run.accepted, run.postponed, run.retried, run.rejected) == ("done", 2, 1, 1, 0)
    row = (await rig.rows(run))[contacts[1]]
    assert (row.outcome, row.code, row.error, row.round) == ("postponed", "UNABLE_TO_LOCK_ROW", LOCKED, 4)
    rig.org.row_errors.clear()
    assert (await rig.write_back()).planned == 1


# --- order, report ---------------------------------------------------------------------------------------------------


async def test_a_report_adds_up(rig: Rig) -> None:
    contacts = await people(rig, 4)
    await rig.score("person", "unknown@acme.com", 1)
    rig.org.row_errors = {contacts[0]: "ENTITY_IS_LOCKED:x:--", contacts[1]: "ENTITY_IS_LOCKED:x:--"}
    run = await rig.write_back()
    assert (run.planned, run.sent, run.accepted, run.rejected) == (4, 4, 2, 2)
    assert run.rejections == {"ENTITY_IS_LOCKED": 2}
    assert run.skipped == {"unknown": 1}
    assert run.calls_used == len(rig.org.calls) > 0
    assert run.calls_saved == 7  # one call in place of a job's eight
    assert run.finished_at_ms is not None


# --- stopped ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("by_job")
async def test_a_run_that_is_stopped_in_order_goes_on_at_once_with_the_same_job() -> None:
    rig, org = Rig(), SlowOrg()
    rig.org = org
    await rig.connect()
    contacts = await people(rig, 2)
    running = asyncio.create_task(rig.insights().write_back(TEAM, again=False))
    await asyncio.wait_for(org.polled.wait(), 5)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    stopped = await stored_run(rig)
    assert (stopped.state, stopped.released) == ("running", True)
    org.finish.set()
    (run,) = await rig.insights().write_back(TEAM, again=False)
    assert (run.state, run.accepted, run.jobs) == ("done", 2, stopped.jobs)
    assert org.calls.count("ingest_create") == 1
    assert org.writes == dict.fromkeys(contacts, 1)


async def test_a_worker_that_was_taken_over_does_not_release_the_run(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await people(rig, 1)
    update = rig.org.update_records

    async def taken_over(entity: Entity, rows: Sequence[Mapping[str, str | float | None]]) -> list[RowOutcome]:
        assert not await rig.store.writeback_runs.swap([await stored_run(rig)])
        return await update(entity, rows)

    monkeypatch.setattr(rig.org, "update_records", taken_over)
    with pytest.raises(Unavailable, match="taken over"):
        await rig.write_back()
    assert not (await stored_run(rig)).released


@pytest.mark.usefixtures("by_job")
async def test_the_org_is_asked_once_for_all_jobs_of_a_run_what_is_left_of_its_batches(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.person("ada@acme.com", ("contact", 1), ("lead", 2), score=7.5)
    asked: list[int] = []

    async def left(ours_today: int) -> int:
        asked.append(ours_today)
        return 1

    monkeypatch.setattr(rig.org, "batches_left", left)
    run = await rig.write_back()
    assert (run.accepted, run.postponed, asked) == (1, 1, [0])
