"""Lists that only the org can evaluate, and lists that change, against a simulated org on the wire: what its own query
engine says is in a list is what is in the segment."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from sandbox.org.rows.writes import Write
from tests.support.waiting import until
from workers.adapters.memory.documents import MemoryDocuments
from workers.console.lists import list_statuses

from .pipeline import QUICK, Pipeline

OWNED = {"field": "Owner.Name", "operator": "like", "values": ["'%'"]}
VPS = {"field": "Title", "operator": "like", "values": ["'V%'"]}
OWNED_VPS = {"conditions": [OWNED, VPS], "conjunction": "and"}
"""Only the org can evaluate it."""


async def test_a_list_that_only_the_org_can_evaluate_follows_its_changes(team: Pipeline) -> None:
    list_id = await team.list_of(OWNED_VPS)
    async with team.running():
        await team.use()
        (status,) = await list_statuses(team.store, "acme", 1)
        assert "Owner.Name" in status.only_the_org_can_tell[0]
        await team.agree(list_id)
        assert len(team.people()) > 1

        first, second, third, fourth = team.contacts()[:4]
        team.commit(
            Write("update", "Contact", first, {"Title": "VP of all"}),
            Write("update", "Contact", second, {"Title": "none"}),
            Write("delete", "Contact", third, {}),
            Write("update", "Contact", fourth, {"Title": "Vim", "Email": "vim@example.com"}),
            Write("create", "Contact", None, {"LastName": "New", "Email": "new@example.com", "Title": "VP"}),
        )
        await until(lambda: {"vim@example.com", "new@example.com"} <= team.people())
        await team.agree(list_id)
        job = await team.compare()

    assert (job.state, job.report["missing"], job.report["extra"]) == ("done", 0, 0)


@pytest.mark.parametrize("rest_records", [2_000, 0], ids=["REST", "Bulk"])
async def test_a_list_of_a_scope_that_only_the_org_knows(team: Pipeline, rest_records: int) -> None:
    """Its query says USING SCOPE: so do ours."""
    list_id = await team.list_of(VPS, scope="team")
    theirs = await other_user(team)
    async with team.running(replace(QUICK, rest_records=rest_records)):
        await team.use()
        await team.agree(list_id)
        before = team.people()
        assert before
        ours = [str(row["Id"]) for row in team.sandbox.org.rows("Contact") if str(row.get("Title")).startswith("V")]
        team.commit(*(Write("update", "Contact", each, {"OwnerId": theirs}) for each in ours[:3]))
        await until(lambda: team.people() != before)
        await team.agree(list_id)


async def test_a_list_that_is_narrowed_widened_hidden_and_shown_again(team: Pipeline) -> None:
    list_id = await team.list_of(VPS)
    async with team.running():
        await team.use()
        await team.agree(list_id)
        team.commit(Write("update", "Contact", team.contacts()[0], {"Title": "Zen", "Email": "zen@example.com"}))
        await team.list_of({"field": "Title", "operator": "like", "values": ["'Z%'"]})
        await team.compare()
        await until(lambda: team.people() == {"zen@example.com"})

        await team.list_of(VPS, private=True, owner=await other_user(team))
        job = await team.compare()
        assert (job.state, "Sharing Settings" in str(job.detail)) == ("failed", True)
        assert (await team.rules()).lists[list_id].trouble == job.detail
        team.commit(Write("update", "Contact", team.contacts()[0], {"Title": "none"}))
        await asyncio.wait_for(evaluated_at_latest(team), 20)
        assert team.people() == {"zen@example.com"}, "members stay"

        await team.list_of(OWNED_VPS)
        await team.compare()
        await team.agree(list_id)
    assert (await team.rules()).lists[list_id].trouble == ""


async def other_user(team: Pipeline) -> str:
    org = team.sandbox.org
    return next(str(row["Id"]) for row in org.rows("User") if row["Id"] != org.admin_user_id)


async def evaluated_at_latest(team: Pipeline) -> None:
    async def done() -> bool:
        record = (await team.store.records.load([("acme", team.contacts()[0])])).popitem()[1]
        return record.fields.get("Title") == "none" and record.rule_set_version == (await team.rules()).version

    await until(done)


async def test_changes_that_were_missed_are_found_and_repaired(team: Pipeline) -> None:
    """As if events had been lost: our copies of two records are older than the org's, and one is not there."""
    list_id = await team.list_of(VPS)
    async with team.running():
        await team.use()
        await team.agree(list_id)
        before = team.people()
        assert isinstance(team.store.records, MemoryDocuments)
        members = [each for each in team.store.records.all("acme") if list_id in each.in_lists and each.imported]
        stale, unknown = members[:2]
        version = stale.full_version
        assert version is not None
        aged = stale.model_copy(
            update={
                "fields": {**stale.fields, "Title": "old"},
                "full_version": version._replace(commit_time_ms=version.commit_time_ms - 7_200_000),
                "field_versions": {},
                "in_lists": (),
                "held": (),
            }
        )
        assert not await team.store.records.swap([aged])
        del team.store.records._stored["acme", unknown.record_id]
        job = await team.compare()
        assert (job.report["missing"], job.report["repaired"]) == (2, 2)
        assert job.detail == f"for example {stale.record_id}, {unknown.record_id}"
        await until(lambda: team.people() == before)
        assert (await team.compare()).report["missing"] == 0


async def test_a_list_that_was_renamed_gets_its_new_name_with_the_next_comparison(team: Pipeline) -> None:
    list_id = await team.list_of(VPS)
    async with team.running():
        await team.use()
        await team.agree(list_id)
        members = team.people()
        await team.list_of(VPS, label="The bosses")
        await team.compare(list_id)
        assert (await team.rules()).lists[list_id].label == "The bosses"
        assert team.people() == members
