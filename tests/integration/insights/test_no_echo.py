"""What the org tells of our own write-back: mirrored, counted, and the loop ends there."""

from __future__ import annotations

import pytest

from sandbox.org.automation.specs import Automation

from .loop import Loop
from .org_rig import TEAM, OrgRig


@pytest.mark.parametrize("way", ["calls", "jobs"])
async def test_what_we_write_comes_back_and_nothing_follows(
    rig: OrgRig, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "jobs":
        monkeypatch.setattr("workers.core.writeback.parts.JOB_CALLS", 0)
    loop = Loop(rig)
    await loop.begin()
    members, told = await loop.members(), list(loop.publisher.published_memberships)
    assert members
    assert told
    await loop.score_everybody(61.5)
    written = sum([1 async for record in rig.store.records.scan(TEAM) if record.imported])
    applied = await loop.write_back_and_listen(written)

    assert (applied.read, applied.echoes, applied.records_changed) == (written, written, written)
    assert await loop.members() == members
    assert loop.publisher.published_memberships == told
    assert loop.publisher.published_reevaluations == []
    async for record in rig.store.records.scan(TEAM):
        assert (record.fields.get("Engagement_Score__c") == 61.5) == record.imported
    assert (rig.sandbox.stats.calls["bulk"] > 0) == (way == "jobs")
    counted = await loop.counted()
    assert counted["own_events"] == counted["events"] > 0
    asked = rig.sandbox.stats.api_requests
    assert (await rig.write_back()).planned == 0
    assert rig.sandbox.stats.api_requests == asked


async def test_what_a_trigger_changes_with_our_values_is_taken_in(rig: OrgRig) -> None:
    hot = Automation("Contact", {"Department": "'Hot'"}, condition="Engagement_Score__c > 50")
    rig.sandbox.org.rules.rulebook.add_automation(hot)
    loop = Loop(rig)
    await loop.begin()
    contact = next(each for each in rig.ids("contact"))
    async for member in rig.store.people.scan(TEAM):
        if contact in member.contributions:
            await rig.rescored("person", member.key, 80, None)
            scored, changed = member, len(member.contributions)
    await loop.write_back_and_listen(changed)
    after = (await rig.store.people.load([(TEAM, scored.key)]))[TEAM, scored.key]
    assert "hot" in after.segments
    assert "hot" not in scored.segments
    assert (await rig.write_back()).planned == 0
