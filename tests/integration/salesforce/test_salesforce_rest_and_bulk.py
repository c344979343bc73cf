"""REST and Bulk API 2.0 against the simulated org."""

from __future__ import annotations

import asyncio

import pytest

from sandbox.org.rows.writes import Write
from tests.support.pages import one_page
from workers.ports import IngestRow, IngestState, Refused, SalesforceOrg, Unavailable

from .connected_team import Connect

SCORE, DATE = "Engagement_Score__c", "Last_Engagement_Date__c"


async def ended(org: SalesforceOrg, job_id: str, *, query: bool = False) -> IngestState:
    async with asyncio.timeout(10):
        while True:
            state = await (org.query_state(job_id) if query else org.ingest_state(job_id))
            if state.state in ("JobComplete", "Failed", "Aborted"):
                return state
            await asyncio.sleep(0.02)


async def test_fields_tell_types_and_compounds(connect: Connect) -> None:
    setup = await connect()
    fields = {field.name: field for field in await setup.org.fields("contact")}
    assert fields["Email"].type == "email"
    assert fields[SCORE].type == "double"
    assert fields["MailingAddress"].compound
    assert fields["Name"].compound
    assert not fields["LastName"].compound
    assert not fields["Id"].updateable
    assert not {f.name: f for f in await setup.org.fields("account")}["Name"].compound


async def test_all_list_views_are_found_and_described(connect: Connect) -> None:
    setup = await connect()
    lists = await setup.org.lists("lead")
    (open_leads,) = [one for one in lists if one.label == "Open Leads"]
    described = await setup.org.list_describe("lead", open_leads.list_id)
    assert described["sobjectType"] == "Lead"
    assert described["whereCondition"]


async def test_records_by_id_as_they_are_now(connect: Connect) -> None:
    setup = await connect()
    ids = setup.create_contacts(3, "O'Hara")
    setup.commit(Write("delete", "Contact", ids[2], {}))
    names = ["Id", "SystemModstamp", "IsDeleted", "LastName", "Email"]
    records = await setup.org.records("contact", [*ids, "003000000000099AAA"], names)
    assert {(r["Id"], r["LastName"], r["Email"], r["IsDeleted"]) for r in records} == {
        (ids[0], "O'Hara 0", None, False),
        (ids[1], "O'Hara 1", None, False),
        (ids[2], "O'Hara 2", None, True),
    }
    assert all("attributes" not in record and "SystemModstamp" in record for record in records)
    assert await setup.org.records("contact", [], names) == []


async def test_queries_with_and_without_the_recycle_bin(connect: Connect) -> None:
    setup = await connect()
    ids = setup.create_contacts(3, "O'Hara")
    setup.commit(Write("delete", "Contact", ids[2], {}))
    for deleted, expected in ((False, ids[:2]), (True, ids)):
        assert await setup.org.count("SELECT count() FROM Contact", deleted=deleted) == len(expected)
        rows = await setup.org.query("SELECT Id FROM Contact ORDER BY Id", deleted=deleted)
        assert [row["Id"] for row in rows] == expected
        job = await setup.org.query_create("SELECT Id FROM Contact ORDER BY Id", deleted=deleted)
        await ended(setup.org, job, query=True)
        assert [row["Id"] for row in (await setup.org.query_page(job, None)).rows] == expected


async def test_records_of_more_than_one_query(connect: Connect) -> None:
    setup = await connect()
    ids = setup.create_contacts(450)
    assert {record["Id"] for record in await setup.org.records("contact", ids, ["Id"])} == set(ids)


async def test_a_bulk_query_reads_everything_page_by_page(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.adapters.salesforce.bulk.PAGE_ROWS", 40)
    setup = await connect(contacts=100)
    job = await setup.org.query_create("SELECT Id, LastName, Email FROM Contact ORDER BY Id")
    assert (await ended(setup.org, job, query=True)).processed == 100
    rows: list[dict[str, str]] = []
    locator, pages = None, 0
    while pages == 0 or locator:
        page = await setup.org.query_page(job, locator)
        rows, locator, pages = rows + page.rows, page.locator, pages + 1
    assert pages == 3
    in_org = {row["Id"]: (row["LastName"], row.get("Email") or "") for row in setup.sandbox.org.rows("Contact")}
    assert {row["Id"]: (row["LastName"], row["Email"]) for row in rows} == in_org


async def test_a_query_that_salesforce_refuses_names_its_reason(connect: Connect) -> None:
    setup = await connect()
    with pytest.raises(Refused, match=r"INVALID_FIELD.*Nonsense__c"):
        await setup.org.query_create("SELECT Nonsense__c FROM Contact")


async def test_an_update_job_accounts_for_every_row(connect: Connect) -> None:
    setup = await connect()
    good, gone = setup.create_contacts(2)
    setup.commit(Write("delete", "Contact", gone, {}))
    org = setup.org
    job = await org.ingest_create("contact")
    cells = {SCORE: "42.5", DATE: "2026-02-03"}
    assert await org.ingest_upload(job, [SCORE, DATE], one_page([IngestRow(good, cells), IngestRow(gone, cells)])) == 2
    await org.ingest_complete(job)
    await org.ingest_complete(job)  # as after a lost reply
    assert await ended(org, job) == IngestState("JobComplete", 2, 1)
    assert [row.record_id for row in await org.ingest_accepted(job)] == [good]
    (rejected,) = await org.ingest_rejected(job)
    assert rejected.record_id == gone
    assert rejected.error
    assert "ENTITY_IS_DELETED" in rejected.error
    assert await org.ingest_unprocessed(job) == []
    row = setup.sandbox.org.get("Contact", good)
    assert row is not None
    assert (row[SCORE], row[DATE]) == (42.5, "2026-02-03")


async def test_our_own_writes_come_back_with_our_name(connect: Connect) -> None:
    setup = await connect()
    (record_id,) = setup.create_contacts(1)
    async with setup.streaming({"contact": None}) as stream:
        job = await setup.org.ingest_create("contact")
        rows = [IngestRow(record_id, {SCORE: "#N/A", DATE: "2026-02-03"})]
        await setup.org.ingest_upload(job, [SCORE, DATE], one_page(rows))
        await setup.org.ingest_complete(job)
        (event,) = await stream.take(1)
    assert event.payload["ChangeEventHeader"]["changeOrigin"].endswith(";client=SegmentSync")


async def test_an_aborted_job_may_be_aborted_again_but_a_complete_one_not(connect: Connect) -> None:
    setup = await connect()
    job = await setup.org.ingest_create("lead")
    await setup.org.ingest_abort(job)
    await setup.org.ingest_abort(job)
    assert (await setup.org.ingest_state(job)).state == "Aborted"
    (record_id,) = setup.create_contacts(1)
    done = await setup.org.ingest_create("contact")
    await setup.org.ingest_upload(done, [SCORE], one_page([IngestRow(record_id, {SCORE: "1"})]))
    await setup.org.ingest_complete(done)
    await ended(setup.org, done)
    with pytest.raises(Refused):
        await setup.org.ingest_abort(done)


async def test_an_expired_session_is_renewed_once(connect: Connect) -> None:
    setup = await connect()
    await setup.org.fields("contact")
    setup.sandbox.tokens.revoke_access_tokens()
    await asyncio.gather(*(setup.org.lists(entity) for entity in ("contact", "lead", "account")))
    assert len(setup.sandbox.tokens._access) == 1


async def test_an_outage_is_unavailable(connect: Connect) -> None:
    setup = await connect()
    await setup.org.fields("contact")
    setup.sandbox.outage.start(60)
    with pytest.raises(Unavailable, match="503"):
        await setup.org.fields("contact")


async def test_an_org_that_is_down_names_its_host(connect: Connect) -> None:
    setup = await connect()
    host = setup.sandbox.base_url.removeprefix("http://")
    await setup.sandbox.close()
    with pytest.raises(Unavailable, match=host):
        await setup.org.fields("contact")
