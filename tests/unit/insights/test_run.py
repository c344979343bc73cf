"""One write-back run: what is sent, and what becomes of every row."""

from __future__ import annotations

from collections.abc import AsyncIterable, Mapping, Sequence
from typing import Any

import pytest

from schemas.documents import Contribution, InsightFields, Member, Record, Switch, WritebackRun, WritebackSettings
from schemas.events import Entity
from workers.insights import plan
from workers.insights.sending import next_part
from workers.ports import FieldInfo, IngestRow, IngestState, Refused, RowOutcome

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
    assert set(run.parts) == {"contact-0", "lead-0"}
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
    rig.org.row_errors[record_id("contact", 2)] = "ENTITY_IS_LOCKED:locked for editing:--"
    run = await rig.write_back()
    assert (run.state, run.accepted, run.rejected, run.rejections) == ("done", 1, 1, {"ENTITY_IS_LOCKED": 1})
    row = (await rig.rows(run))[record_id("contact", 2)]
    assert (row.outcome, row.error, row.code) == (
        "rejected",
        "ENTITY_IS_LOCKED:locked for editing:--",
        "ENTITY_IS_LOCKED",
    )
    rig.org.row_errors.clear()
    again = await rig.write_back()
    assert (again.planned, again.accepted) == (1, 1)


@pytest.mark.usefixtures("by_job")
async def test_a_job_takes_no_more_rows_than_it_may(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.core.writeback.parts.JOB_ROWS", 2)
    monkeypatch.setattr(plan, "PAGE", 2)
    monkeypatch.setattr("workers.insights.sending.run_state.PAGE_ROWS", 1)
    for number in range(5):
        await rig.person(f"p{number}@acme.com", ("contact", number), score=number)
    run = await rig.write_back()
    assert set(run.jobs) == {"contact-0", "contact-1", "contact-2"}
    assert [len(rows) for _, rows in rig.org.uploads] == [2, 2, 1]
    assert run.accepted == 5


@pytest.mark.usefixtures("by_job")
async def test_an_unfinished_job_is_waited_for(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await rig.person("ada@acme.com", ("contact", 1), score=1)
    states = ["UploadComplete", "InProgress", "InProgress"]
    real = rig.org.ingest_state

    async def slow(job_id: str) -> IngestState:
        return IngestState(states.pop(0), 0, 0) if states else await real(job_id)

    monkeypatch.setattr(rig.org, "ingest_state", slow)
    assert (await rig.write_back()).accepted == 1
    assert states == []


@pytest.mark.usefixtures("by_job")
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
@pytest.mark.usefixtures("by_job")
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


@pytest.mark.usefixtures("by_job")
async def test_rows_of_others_in_a_result_are_not_taken_for_ours(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await rig.person("ada@acme.com", ("contact", 1), score=1)
    real = rig.org.ingest_upload

    async def with_a_stranger(job_id: str, columns: Sequence[str], pages: AsyncIterable[Sequence[IngestRow]]) -> int:
        rig.org.holds("contact", 9)
        count = await real(job_id, columns, pages)
        rig.org._ingests[job_id].rows.append(IngestRow(record_id("contact", 9)))
        return count

    monkeypatch.setattr(rig.org, "ingest_upload", with_a_stranger)
    run = await rig.write_back()
    assert (run.state, run.accepted) == ("failed", 1)
    assert [each.record_id async for each in rig.store.insights.scan(TEAM)] == [record_id("contact", 1)]


# --- switches, fields, dead band -------------------------------------------------------------------------------------


async def set_up(rig: Rig, **settings: Any) -> None:
    stored = (await rig.store.writeback_settings.load([(TEAM, TEAM)])).get((TEAM, TEAM))
    edited = WritebackSettings(team=TEAM, rev=stored.rev if stored else 0, **settings)
    assert not await rig.store.writeback_settings.swap([edited])


async def test_an_entity_that_is_off_costs_no_call_and_gets_the_difference_when_it_is_on_again(rig: Rig) -> None:
    await rig.person("ada@acme.com", ("contact", 1), score=7.5)
    await set_up(rig, switches={"contact": Switch(on=False)})
    run = await rig.write_back()
    assert (run.planned, rig.org.calls) == (0, [])
    await rig.score("person", "ada@acme.com", 8)
    await set_up(rig)
    assert (await rig.write_back()).accepted == 1
    assert rig.org.uploaded[record_id("contact", 1)][SCORE] == "8.0"


async def test_a_switch_counts_for_the_jobs_of_a_run_that_goes_on(rig: Rig) -> None:
    await rig.person("ada@acme.com", ("contact", 1), ("lead", 2), score=7.5)
    update = rig.org.update_records

    async def and_switched_off(entity: Entity, rows: Sequence[Mapping[str, str | float | None]]) -> list[RowOutcome]:
        await set_up(rig, switches={"lead": Switch(on=False)})
        return await update(entity, rows)

    rig.org.update_records = and_switched_off  # type: ignore[method-assign]
    run = await rig.write_back()
    assert (run.state, run.accepted, run.disabled) == ("done", 1, 1)
    assert set(rig.org.uploaded) == {record_id("contact", 1)}


async def test_insights_go_to_the_fields_that_the_team_named(rig: Rig) -> None:
    rig.org.fields_of["contact"] = (FieldInfo("Heat__c", "percent"), FieldInfo("Seen__c", "date"))
    await rig.person("ada@acme.com", ("contact", 1), score=7.5)
    await set_up(rig, fields={"contact": InsightFields(score="Heat__c", date="Seen__c")})
    await rig.write_back()
    assert rig.org.uploaded[record_id("contact", 1)] == {"Heat__c": "7.5", "Seen__c": "1970-01-02"}


async def test_nothing_is_sent_to_fields_that_do_not_fit(rig: Rig) -> None:
    rig.org.fields_of["contact"] = (FieldInfo(SCORE, "string"),)
    await rig.person("ada@acme.com", ("contact", 1), score=7.5)
    run = await rig.write_back()
    assert (run.state, rig.org.uploads) == ("failed", [])
    assert run.detail is not None
    for said in ("Engagement_Score__c is of type string", "no field Last_Engagement_Date__c", "create-fields acme"):
        assert said in run.detail


async def test_a_score_within_the_dead_band_is_not_written(rig: Rig) -> None:
    await rig.person("ada@acme.com", ("contact", 1), score=7.5)
    await set_up(rig, dead_band=1)
    await rig.write_back()
    await rig.score("person", "ada@acme.com", 8.5)
    assert (await rig.write_back()).planned == 0
    await rig.score("person", "ada@acme.com", 8.6)
    assert (await rig.write_back()).accepted == 1


# --- budget and undo -------------------------------------------------------------------------------------------------


async def test_a_run_leaves_the_org_its_reserve_and_goes_on_the_next_day(rig: Rig) -> None:
    await rig.person("ada@acme.com", ("contact", 1), score=7.5)
    rig.org.calls_left = next_part.PART_CALLS - 1
    run = await rig.write_back()
    assert (run.state, run.planned, run.postponed, rig.org.uploads) == ("done", 1, 1, [])
    rig.org.calls_left = next_part.PART_CALLS
    assert (await rig.write_back()).accepted == 1


async def written_over(rig: Rig) -> WritebackRun:
    """A score of 7.5 over one of 3 that Salesforce had."""
    await rig.person("ada@acme.com", ("contact", 1), ("contact", 2), score=7.5)
    records = [
        Record(
            team=TEAM, record_id=record_id("contact", 1), entity="contact", alive=True, fields={SCORE: 3, DATE: None}
        ),
        Record(team=TEAM, record_id=record_id("contact", 2), entity="contact", alive=True, fields={}),
    ]
    assert not await rig.store.records.swap(records)
    run = await rig.write_back()
    for number in (1, 2):
        rig.org.rows["contact"][record_id("contact", number)] |= {SCORE: 7.5, DATE: "1970-01-02"}
    return run


async def undo(rig: Rig, run: WritebackRun) -> WritebackRun:
    rig.org.uploads.clear()
    return await rig.insights().undo(TEAM, run.run_id)


async def test_an_undo_puts_back_what_was_replaced(rig: Rig) -> None:
    done = await undo(rig, await written_over(rig))
    assert (done.state, done.accepted, done.kept) == ("done", 2, 0)
    assert rig.org.uploaded == {
        record_id("contact", 1): {SCORE: "3.0", DATE: "#N/A"},
        record_id("contact", 2): {SCORE: "#N/A", DATE: "#N/A"},
    }


async def test_what_somebody_has_changed_since_is_left_alone(rig: Rig) -> None:
    run = await written_over(rig)
    rig.org.rows["contact"][record_id("contact", 1)][SCORE] = 9
    done = await undo(rig, run)
    assert (done.accepted, done.kept) == (1, 1)
    assert set(rig.org.uploaded) == {record_id("contact", 2)}
    assert (await rig.rows(done))[record_id("contact", 1)].error == "changed since by somebody else"


async def test_what_was_undone_stays_so_until_the_score_changes(rig: Rig) -> None:
    await undo(rig, await written_over(rig))
    assert (await rig.write_back()).planned == 0
    await rig.score("person", "ada@acme.com", 8)
    assert (await rig.write_back()).accepted == 2


async def test_what_was_written_to_other_fields_is_not_undone_in_those_of_today(rig: Rig) -> None:
    """Their values would look as if somebody had changed them, and an undo counts once."""
    run = await written_over(rig)
    await set_up(rig, fields={"contact": InsightFields(score="Heat__c", date="Seen__c")})
    with pytest.raises(Refused, match=f"writeback fields {TEAM} contact --score {SCORE} --date {DATE}"):
        await undo(rig, run)
    await set_up(rig, fields={})
    assert (await undo(rig, run)).accepted == 2


async def test_an_undo_counts_once(rig: Rig) -> None:
    run = await written_over(rig)
    first = await undo(rig, run)
    again = await undo(rig, run)
    assert again.model_copy(update={"rev": first.rev}) == first
    assert rig.org.uploads == []


async def test_a_run_that_is_unknown_cannot_be_undone(rig: Rig) -> None:
    await rig.person("ada@acme.com", ("contact", 1))
    with pytest.raises(Refused, match="no ended run 2026-01-01: `segment-sync writeback runs acme`"):
        await rig.insights().undo(TEAM, "2026-01-01")


async def test_of_a_converted_lead_the_contact_is_written(rig: Rig) -> None:
    """Salesforce lets nobody change a lead any more once it is converted."""
    await rig.person("joe@acme.com", ("lead", 1), ("lead", 2), score=7)
    await rig.person("ann@acme.com", ("lead", 3), ("contact", 3), score=8)
    await rig.person("lost@acme.com", ("lead", 4), score=9)
    rig.org.holds("contact", 1)
    for number, contact_id in ((1, record_id("contact", 1)), (3, record_id("contact", 3)), (4, None)):
        fields = {"IsConverted": True, "ConvertedContactId": contact_id}
        lead = Record(team=TEAM, record_id=record_id("lead", number), entity="lead", alive=True, fields=fields)
        assert not await rig.store.records.swap([lead])
    await rig.write_back()
    assert {each: cells[SCORE] for each, cells in rig.org.uploaded.items()} == {
        record_id("contact", 1): "7.0",
        record_id("lead", 2): "7.0",
        record_id("contact", 3): "8.0",
    }


async def test_everything_is_written_to_fields_that_the_team_names_later(rig: Rig) -> None:
    await rig.person("ada@acme.com", ("contact", 1), score=7.5)
    await rig.write_back()
    rig.org.fields_of["contact"] = (FieldInfo("Heat__c", "percent"), FieldInfo("Seen__c", "date"))
    await set_up(rig, fields={"contact": InsightFields(score="Heat__c", date="Seen__c")})
    assert (await rig.write_back()).accepted == 1
    assert (await rig.write_back()).planned == 0


async def test_what_was_accepted_before_is_not_looked_up_again_to_be_replaced(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.person("ada@acme.com", ("contact", 1), score=1)
    await rig.write_back()
    await rig.score("person", "ada@acme.com", 2, scored_at_ms=2)
    asked: list[object] = []
    load = rig.store.insights.load

    async def heard(keys: list[tuple[str, str]]) -> object:
        asked.extend(keys)
        return await load(keys)

    monkeypatch.setattr(rig.store.insights, "load", heard)
    planned_by = rig.store.planning_queries.accepted

    async def unheard(team: str, ids: list[str]) -> object:
        found = await planned_by(team, ids)
        asked.clear()
        return found

    monkeypatch.setattr(rig.store.planning_queries, "accepted", unheard)
    assert (await rig.write_back()).accepted == 1
    assert asked == []
    (known,) = [each async for each in rig.store.insights.scan(TEAM)]
    assert (known.score, known.rev) == (2, 2)
