"""A score field with fewer digits than the scores: what does not fit is rejected by itself, with what to do."""

from __future__ import annotations

import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.server import serve
from schemas.documents import InsightFields, WritebackSettings
from workers.core.writeback import remedy

from .org_rig import TEAM, connected

NARROW = ("Contact.Heat__c", {"type": "Number", "precision": 4, "scale": 1, "label": "Heat"})


@pytest.mark.parametrize("by_calls", [True, False], ids=["calls", "job"])
async def test_scores_that_do_not_fit_a_field_leave_the_others_alone(
    by_calls: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("workers.insights.sending.next_part", "workers.core.writeback.parts"):
        monkeypatch.setattr(f"{module}.by_calls", lambda rows, number: by_calls)
    config = OrgConfig(contacts=3, custom_fields=(NARROW,), new_fields_visible=True)
    async with await serve(config) as sandbox, connected(sandbox) as rig:
        narrow = InsightFields(score="Heat__c")
        assert not await rig.store.writeback_settings.swap([WritebackSettings(team=TEAM, fields={"contact": narrow})])
        large, long, fitting = rig.ids("contact")[:3]
        for key, record_id, score in (("a", large, 123_456.0), ("b", long, 7.126), ("c", fitting, 7.5)):
            await rig.scored("person", f"{key}@acme.com", [("contact", record_id)], score, None)
        run = await rig.write_back()
        assert (run.state, run.accepted, run.rejected) == ("done", 2, 1)
        assert run.rejections == {"NUMBER_OUTSIDE_VALID_RANGE": 1}
        row = await rig.row(run, large)
        assert remedy(row.error) == "give the score field more digits"
        found = {each["Id"]: each["Heat__c"] for each in await rig.query("SELECT Id, Heat__c FROM Contact")}
        assert [found[each] for each in (large, long, fitting)] == [None, 7.1, 7.5]
        again = await rig.write_back()
        assert (again.planned, again.rejected) == (1, 1)  # what was rounded has arrived
        undone = await rig.undo(run)
        assert (undone.state, undone.accepted, undone.kept) == ("done", 2, 0)
        assert {each["Heat__c"] for each in await rig.query("SELECT Heat__c FROM Contact")} == {None}
