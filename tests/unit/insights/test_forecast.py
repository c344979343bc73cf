"""A dry run tells what a run would send, and touches nothing."""

from __future__ import annotations

import pytest

from schemas.documents import Switch, WritebackSettings
from tests.support.writeback_rows import kept_rows
from workers.core.writeback.parts import JOB_CALLS
from workers.insights import forecast as module
from workers.insights.forecast import calls_for, forecast
from workers.ports import FieldInfo

from .insights_rig import TEAM, Rig, record_id


async def test_it_tells_the_rows_by_entity_and_writes_nothing(rig: Rig) -> None:
    await rig.person("ada@acme.com", ("contact", 1), ("lead", 1), score=7)
    await rig.person("bob@acme.com", ("contact", 2), score=8)
    await rig.score("person", "nobody@acme.com", 1)
    found = await forecast(rig.store, rig.org, TEAM, rig.clock.ms)
    assert (found.rows, found.skipped, found.problems) == ({"contact": 2, "lead": 1}, {"unknown": 1}, ())
    assert {row.record_id: row.score for row in found.sample} == {
        record_id("contact", 1): 7.0,
        record_id("lead", 1): 7.0,
        record_id("contact", 2): 8.0,
    }
    assert rig.org.uploads == []
    assert [each async for each in rig.store.writeback_runs.scan(TEAM)] == []
    assert await kept_rows(rig.store, TEAM) == []
    run = await rig.write_back()
    assert run.planned == sum(found.rows.values())
    assert (await forecast(rig.store, rig.org, TEAM, rig.clock.ms)).rows == {}


async def test_what_would_keep_the_run_from_sending_is_told(rig: Rig) -> None:
    await rig.person("ada@acme.com", ("contact", 1), ("lead", 1), score=7)
    rig.org.fields_of["contact"] = (FieldInfo("Engagement_Score__c", "string"),)
    off = WritebackSettings(team=TEAM, switches={"lead": Switch(on=False)})
    assert not await rig.store.writeback_settings.swap([off])
    found = await forecast(rig.store, rig.org, TEAM, rig.clock.ms)
    assert (found.rows, found.skipped) == ({"contact": 1}, {"disabled": 1})
    assert [problem.split(" ")[0] for problem in found.problems] == ["Contact.Engagement_Score__c", "Contact"]


async def test_a_large_plan_shows_some_rows(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAMPLE", 3)
    for number in range(5):
        await rig.person(f"p{number}@acme.com", ("contact", number), score=number)
    found = await forecast(rig.store, rig.org, TEAM, rig.clock.ms)
    assert (found.rows, len(found.sample)) == ({"contact": 5}, 3)


def test_calls_are_those_of_collections_or_jobs() -> None:
    plain, careful = WritebackSettings(team=TEAM), WritebackSettings(team=TEAM, compare_first=True)
    assert calls_for({}, plain) == 0
    assert calls_for({"contact": 201}, plain) == 1 + 2
    assert calls_for({"contact": 100_000, "lead": 1}, plain) == 1 + JOB_CALLS + 1 + 1
    assert calls_for({"contact": 100_000}, careful) == 1 + 50 + JOB_CALLS
