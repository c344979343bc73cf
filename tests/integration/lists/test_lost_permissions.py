"""What the connected user may no longer read, at the org itself: members and values stay, the reason is told in an
administrator's words, and all is well again once the permission is back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sandbox.org.rows.writes import Row, Write
from schemas.documents import FieldMapping, Member, RuleSet
from tests.support.waiting import until
from workers.console.jobs import read_request, request_backfill
from workers.runtime.edits import By, edit_rule_set
from workers.runtime.preflight import check

from .pipeline import QUICK, AnHourAhead, Pipeline

VPS = {"field": "Title", "operator": "like", "values": ["'V%'"]}
STAMPS = ("Id", "SystemModstamp", "CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById")
ATTENTIVE = replace(QUICK, upkeep_seconds=0.05)


def rights(team: Pipeline, kind: str, **wanted: str) -> list[Row]:
    rows = [dict(row) for row in team.sandbox.org.rows(kind)]
    return [row for row in rows if all(row.get(name) == value for name, value in wanted.items())]


def take(team: Pipeline, kind: str, given: Sequence[Row]) -> None:
    assert given
    team.commit(*(Write("delete", kind, str(row["Id"]), {}) for row in given))


def give_back(team: Pipeline, kind: str, given: Sequence[Row]) -> None:
    team.commit(*(Write("create", kind, None, {n: v for n, v in row.items() if n not in STAMPS}) for row in given))


async def test_a_list_on_a_field_that_may_not_be_read_any_more(team: Pipeline) -> None:
    list_id = await team.list_of(VPS)
    async with team.running():
        await team.use()
        await team.agree(list_id)
        members = team.people()
        given = rights(team, "FieldPermissions", Field="Contact.Title")
        take(team, "FieldPermissions", given)
        job = await team.compare()
        assert job.state == "failed"
        assert "INVALID_FIELD: Title" in str(job.detail)
        assert "field-level security" in (await team.rules()).lists[list_id].trouble
        assert team.people() == members != set()
        give_back(team, "FieldPermissions", given)
        assert (await team.compare()).state == "done"
        await team.agree(list_id)
        assert team.people() == members


async def test_a_mapped_field_that_may_not_be_read_keeps_its_last_values(team: Pipeline) -> None:
    """A process looks at the org's fields when it begins, and daily."""
    list_id = await team.list_of({"field": "LastName", "operator": "lessThan", "values": ["'D'"]})
    await map_titles(team)
    async with team.running(ATTENTIVE):
        await team.use()
        await team.agree(list_id)
    titles = await titles_here(team)
    assert any(titles.values())

    first = next(each for each in team.sandbox.org.rows("Contact") if str(each.get("Email")).lower() in titles)
    first_id, email = str(first["Id"]), str(first["Email"]).lower()
    team.commit(Write("update", "Contact", first_id, {"MobilePhone": "1", "Title": "unseen"}))
    given = rights(team, "FieldPermissions", Field="Contact.Title")
    take(team, "FieldPermissions", given)
    async with team.running(ATTENTIVE):
        whole = read_request("contact", since_ms=None, ids=(), dry_run=False)
        await request_backfill(team.store.jobs, "acme", whole, AnHourAhead().now_ms())
        await until(lambda: all_jobs_done(team))
        await until(lambda: phone_of(team, first_id, "1"))
    assert await titles_here(team) == titles
    assert any("Contact.Title" in said for said in await warnings(team))

    give_back(team, "FieldPermissions", given)
    async with team.running(ATTENTIVE):

        async def caught_up() -> bool:
            return (await titles_here(team))[email] == "unseen"

        await until(caught_up)
    assert not any("Contact.Title" in said for said in await warnings(team))


async def test_an_object_that_may_not_be_read_any_more(team: Pipeline) -> None:
    list_id = await team.list_of(VPS)
    everything: dict[str, object] = {"PermissionsViewAllData": False, "PermissionsModifyAllData": False}
    team.commit(
        *(Write("update", "PermissionSet", str(row["Id"]), everything) for row in rights(team, "PermissionSet"))
    )
    async with team.running():
        await team.use()
        await team.agree(list_id)
        members = team.people()
        given = rights(team, "ObjectPermissions", SobjectType="Contact")
        take(team, "ObjectPermissions", given)
        job = await team.compare()
        assert job.state == "failed"
        assert "read access to the object" in str(job.detail)
        assert any("Contact" in said for said in await warnings(team))
        assert team.people() == members != set()
        give_back(team, "ObjectPermissions", given)
        team.commit(Write("create", "Contact", None, {"LastName": "New", "Email": "new@example.com", "Title": "VP"}))
        assert (await team.compare()).state == "done"
        await until(lambda: "new@example.com" in team.people())
        await team.agree(list_id)


async def map_titles(team: Pipeline) -> None:
    def edit(rule_set: RuleSet) -> tuple[RuleSet, None, str]:
        mapped = {"contact": (FieldMapping(source="Title", target="title"),)}
        return rule_set.model_copy(update={"mappings": mapped}), None, "titles"

    await edit_rule_set(team.store, "acme", edit, By("ann", 1))


async def titles_here(team: Pipeline) -> dict[str, object]:
    found: list[Member] = [person async for person in team.store.people.scan("acme")]
    return {person.key: person.fields.get("title") for person in found if person.alive}


async def phone_of(team: Pipeline, record_id: str, phone: str) -> bool:
    stored = await team.store.records.load([("acme", record_id)])
    return stored["acme", record_id].fields.get("MobilePhone") == phone


async def warnings(team: Pipeline) -> list[str]:
    """What `segment-sync connections check` tells."""
    found = await check(team.store, team.orgs.org(team.connection), "acme")
    return [each.says for each in found if each.outcome not in ("ok", "unknown")]


async def all_jobs_done(team: Pipeline) -> bool:
    return all([job.state == "done" async for job in team.store.jobs.scan("acme")])
