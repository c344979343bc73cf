"""The write-back against the simulated org, judged by the org's own query engine."""

from __future__ import annotations

import pytest

from schemas.events import Entity
from workers.ports import Unavailable

from .org_rig import TEAM, OrgRig

DAY_MS = 86_400_000
SCORES = "SELECT Id, Engagement_Score__c, Last_Engagement_Date__c FROM {} WHERE Engagement_Score__c != null"


async def in_org(rig: OrgRig, name: str) -> dict[str, tuple[float, str | None]]:
    rows = await rig.query(SCORES.format(name))
    return {row["Id"]: (row["Engagement_Score__c"], row["Last_Engagement_Date__c"]) for row in rows}


async def test_values_arrive_in_every_source_record_and_nowhere_else(rig: OrgRig) -> None:
    contacts, leads, accounts = rig.ids("contact"), rig.ids("lead"), rig.ids("account")
    sources: list[tuple[Entity, str]] = [("contact", contacts[0]), ("contact", contacts[1]), ("lead", leads[0])]
    await rig.scored("person", "ada@acme.com", sources, 87.25, DAY_MS * 365)
    await rig.scored("account", "acme.com", [("account", accounts[0]), ("contact", contacts[2])], 1 / 3, None)
    run = await rig.write_back()
    assert (run.state, run.planned, run.accepted) == ("done", 4, 4)
    expected = (87.25, "1971-01-01")
    assert await in_org(rig, "Contact") == {contacts[0]: expected, contacts[1]: expected}
    assert await in_org(rig, "Lead") == {leads[0]: expected}
    assert await in_org(rig, "Account") == {accounts[0]: (0.33, None)}  # the field has two decimals


async def test_a_second_run_makes_no_call_and_a_change_only_what_it_needs(rig: OrgRig) -> None:
    first, second = rig.ids("contact")[:2]
    await rig.scored("person", "ada@acme.com", [("contact", first)], 1, DAY_MS)
    await rig.scored("person", "bob@acme.com", [("contact", second)], 2, DAY_MS)
    await rig.write_back()
    calls = rig.sandbox.stats.api_requests
    assert (await rig.write_back()).planned == 0
    assert rig.sandbox.stats.api_requests == calls
    await rig.rescored("person", "bob@acme.com", 2, None)
    ledger = len(rig.sandbox.org.ledger)
    assert (await rig.write_back()).accepted == 1
    assert len(rig.sandbox.org.ledger) == ledger + 1
    assert await in_org(rig, "Contact") == {first: (1, "1970-01-02"), second: (2, None)}


async def test_a_deleted_record_is_rejected_and_the_others_are_written(rig: OrgRig) -> None:
    gone, kept = rig.ids("contact")[:2]
    await rig.scored("person", "ada@acme.com", [("contact", gone), ("contact", kept)], 5, DAY_MS)
    rig.delete("contact", gone)
    run = await rig.write_back()
    assert (run.state, run.accepted, run.rejected, run.unprocessed) == ("done", 1, 1, 0)
    assert "ENTITY_IS_DELETED" in ((await rig.row(run, gone)).error or "")
    assert set(await in_org(rig, "Contact")) == {kept}
    assert (await rig.write_back()).planned == 1


async def test_a_large_run_accounts_for_every_row(rig: OrgRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.core.writeback.parts.JOB_ROWS", 9)
    for module in ("workers.insights.sending.next_part", "workers.core.writeback.parts"):
        monkeypatch.setattr(f"{module}.by_calls", lambda rows, number: False)
    contacts = rig.ids("contact")
    for number, record_id in enumerate(contacts):
        await rig.scored("person", f"p{number}@acme.com", [("contact", record_id)], number + 0.1, DAY_MS * number)
    run = await rig.write_back()
    assert (run.accepted, len(run.jobs)) == (len(contacts), -(-len(contacts) // 9))
    assert {record_id: score for record_id, (score, _) in (await in_org(rig, "Contact")).items()} == {
        record_id: number + 0.1 for number, record_id in enumerate(contacts)
    }


async def test_an_org_that_is_down_leaves_the_run_to_be_resumed(rig: OrgRig) -> None:
    await rig.scored("person", "ada@acme.com", [("contact", rig.ids("contact")[0])], 5, DAY_MS)
    rig.sandbox.outage.start(60)
    with pytest.raises(Unavailable):
        await rig.write_back()
    (run,) = [each async for each in rig.store.writeback_runs.scan(TEAM)]
    assert run.state == "running"


async def test_its_calls_count_against_the_share_of_the_team_in_every_process(rig: OrgRig) -> None:
    await rig.scored("person", "ada@acme.com", [("contact", rig.ids("contact")[0])], 5, DAY_MS)
    run = await rig.write_back()
    (day,) = [day async for day in rig.store.api_usage.scan(TEAM)]
    counted = sum(number for kind, number in day.calls.items() if kind != "tokens")
    assert counted == run.calls_used == rig.sandbox.stats.api_requests > 0

    share = day.allowed or 0
    taken = day.model_copy(update={"calls": {"rest": share}})
    assert not await rig.store.api_usage.swap([taken])
    await rig.rescored("person", "ada@acme.com", 6, DAY_MS)
    later = await rig.write_back()
    assert (later.accepted, later.postponed) == (0, 1)
