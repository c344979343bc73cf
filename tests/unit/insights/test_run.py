"""One write-back run: what is sent, and what becomes of every row."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from schemas.documents import Contribution, Member
from workers.core import writeback
from workers.insights import plan
from workers.ports import IngestRow, IngestState, RowOutcome

from .insights_rig import TEAM, Rig, record_id

SCORE, DATE = "Engagement_Score__c", "Last_Engagement_Date__c"


async def test_nothing_to_write_makes_no_call(rig: Rig) -> None:
    run = await rig.write_back()
    assert (run.state, run.planned, run.jobs) == ("done", 0, {})
    assert rig.org.calls == []
    assert run.finished_at_ms == rig.clock.ms


async def test_every_source_record_of_a_person_is_written(rig: Rig) -> None:
    await rig.person("ada@acme.com", ("contact", 1), ("contact", 2), ("lead", 3), score=7.5)
    run = await rig.write_back()
    values = {SCORE: "7.5", DATE: "1970-01-02"}
    assert rig.org.uploaded == {
        record_id("contact", 1): values,
        record_id("contact", 2): values,
        record_id("lead", 3): values,
    }
    assert set(run.jobs) == {"contact-0", "lead-0"}
    assert (run.state, run.planned, run.accepted, run.rejected, run.unprocessed) == ("done", 3, 3, 0, 0)


async def test_of_an_account_only_account_records_are_written(rig: Rig) -> None:
    await rig.account("acme.com", ("account", 1), ("contact", 2), ("lead", 3), score=3)
    await rig.write_back()
    assert set(rig.org.uploaded) == {record_id("account", 1)}


async def test_a_score_of_somebody_unknown_waits(rig: Rig) -> None:
    await rig.score("person", "ada@acme.com", 7.5)
    assert (await rig.write_back()).planned == 0
    await rig.person("ada@acme.com", ("contact", 1))
    assert (await rig.write_back()).accepted == 1


async def test_a_second_run_makes_no_call(rig: Rig) -> None:
    await rig.person("ada@acme.com", ("contact", 1), score=7.5)
    await rig.account("acme.com", ("account", 1), score=1 / 3)
    await rig.write_back()
    calls = list(rig.org.calls)
    assert (await rig.write_back()).planned == 0
    assert rig.org.calls == calls


async def test_only_what_changed_is_written(rig: Rig) -> None:
    await rig.person("ada@acme.com", ("contact", 1), score=1)
    await rig.person("bob@acme.com", ("contact", 2), score=2)
    await rig.write_back()
    await rig.score("person", "bob@acme.com", 2, at_ms=None)
    await rig.write_back()
    assert [row.record_id for row in rig.org.uploads[-1][1]] == [record_id("contact", 2)]
    assert rig.org.uploaded[record_id("contact", 2)] == {SCORE: "2.0", DATE: "#N/A"}


async def test_a_new_source_record_gets_the_score_the_others_have(rig: Rig) -> None:
    await rig.person("ada@acme.com", ("contact", 1), score=1)
    await rig.write_back()
    (ada,) = [each async for each in rig.store.people.scan(TEAM)]
    rig.org.holds("lead", 2)
    both = ada.contributions | {record_id("lead", 2): Contribution(rev=1, entity="lead")}
    assert not await rig.store.people.swap([ada.model_copy(update={"contributions": both})])
    await rig.write_back()
    assert [row.record_id for row in rig.org.uploads[-1][1]] == [record_id("lead", 2)]


async def test_a_record_that_stands_in_two_people_at_once_is_written_once(rig: Rig) -> None:
    """As while routing moves it: it enters the new person before it leaves the old one."""
    await rig.person("old@acme.com", ("contact", 1), score=1)
    await rig.person("new@acme.com", ("contact", 1), score=2)
    await rig.write_back()
    assert rig.org.writes == {record_id("contact", 1): 1}
    (old,) = [each async for each in rig.store.people.scan(TEAM) if each.key == "old@acme.com"]
    gone = Member(team=TEAM, key="old@acme.com", rev=old.rev)
    assert not await rig.store.people.swap([gone])
    await rig.write_back()
    assert rig.org.uploaded[record_id("contact", 1)][SCORE] == "2.0"


async def test_rejected_rows_are_recorded_and_come_again(rig: Rig) -> None:
    await rig.person("ada@acme.com", ("contact", 1), ("contact", 2), score=1)
    rig.org.row_errors[record_id("contact", 2)] = "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access:--"
    run = await rig.write_back()
    assert (run.state, run.accepted, run.rejected) == ("done", 1, 1)
    row = (await rig.rows(run))[record_id("contact", 2)]
    assert (row.outcome, row.error) == ("rejected", "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access:--")
    rig.org.row_errors.clear()
    again = await rig.write_back()
    assert (again.planned, again.accepted) == (1, 1)


async def test_a_job_takes_no_more_rows_than_it_may(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writeback, "JOB_ROWS", 2)
    monkeypatch.setattr(plan, "PAGE", 2)
    monkeypatch.setattr("workers.insights.run.SAVE_ROWS", 1)
    for number in range(5):
        await rig.person(f"p{number}@acme.com", ("contact", number), score=number)
    run = await rig.write_back()
    assert set(run.jobs) == {"contact-0", "contact-1", "contact-2"}
    assert [len(rows) for _, rows in rig.org.uploads] == [2, 2, 1]
    assert run.accepted == 5


async def test_an_unfinished_job_is_waited_for(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await rig.person("ada@acme.com", ("contact", 1), score=1)
    states = ["UploadComplete", "InProgress", "InProgress"]
    real = rig.org.ingest_state

    async def slow(job_id: str) -> IngestState:
        return IngestState(states.pop(0), 0, 0) if states else await real(job_id)

    monkeypatch.setattr(rig.org, "ingest_state", slow)
    assert (await rig.write_back()).accepted == 1
    assert states == []


async def test_rows_in_no_result_file_fail_the_run_loudly(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the daily batch allocation is used up: such rows are in no file."""
    await rig.person("ada@acme.com", ("contact", 1), ("contact", 2), score=1)

    async def only_first(_: str) -> list[RowOutcome]:
        return [RowOutcome(record_id("contact", 1))]

    monkeypatch.setattr(rig.org, "ingest_accepted", only_first)
    run = await rig.write_back()
    assert run.state == "failed"
    assert run.detail == f"job {run.jobs['contact-0']}: 1 rows unaccounted for"
    assert (run.planned, run.accepted, run.unprocessed) == (2, 1, 1)
    monkeypatch.undo()
    assert set(await rig.rows(await rig.write_back())) == {record_id("contact", 2)}


@pytest.mark.parametrize(
    ("state", "detail"),
    [
        (IngestState("Failed", 0, 0, "InvalidBatch : Field name not found : Engagement_Score__c"), "InvalidBatch"),
        (IngestState("Aborted", 0, 0), "ended as Aborted"),
    ],
)
async def test_a_job_that_ends_without_success_fails_the_run(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, state: IngestState, detail: str
) -> None:
    await rig.person("ada@acme.com", ("contact", 1), score=1)

    async def nothing_done(job_id: str) -> None:
        rig.org._ingests[job_id].state = state.state

    async def told(_: str) -> IngestState:
        return state

    monkeypatch.setattr(rig.org, "ingest_complete", nothing_done)
    monkeypatch.setattr(rig.org, "ingest_state", told)
    run = await rig.write_back()
    assert run.state == "failed"
    assert detail in (run.detail or "")
    assert (run.planned, run.unprocessed) == (1, 1)
    assert (await rig.rows(run))[record_id("contact", 1)].outcome == "unprocessed"
    monkeypatch.undo()
    assert (await rig.write_back()).accepted == 1


async def test_rows_of_others_in_a_result_are_not_taken_for_ours(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await rig.person("ada@acme.com", ("contact", 1), score=1)
    real = rig.org.ingest_upload

    async def with_a_stranger(job_id: str, rows: Sequence[IngestRow]) -> None:
        rig.org.holds("contact", 9)
        await real(job_id, [*rows, IngestRow(record_id("contact", 9))])

    monkeypatch.setattr(rig.org, "ingest_upload", with_a_stranger)
    run = await rig.write_back()
    assert (run.state, run.accepted) == ("failed", 1)
    assert [each.record_id async for each in rig.store.insights.scan(TEAM)] == [record_id("contact", 1)]
