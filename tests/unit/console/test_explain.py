"""What is told of a record, a person or an account."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from schemas.documents import Insight, Skip, WritebackRow, WritebackRun
from schemas.events import Change
from tests.support.writeback_rows import keep_rows
from tests.unit.runtime.crm import ACME, ANN, JOE, change, record_id, rule
from tests.unit.runtime.routed import Routed, routed
from workers.cli.explain import as_document, as_tree, fate
from workers.console.explain import explain
from workers.core.survivors import NOT_MERGED
from workers.ports import Refused

OSLO = rule("contact", "Oslo", "north")


async def joe(**fields: Any) -> Routed:
    acme = await routed(OSLO)
    await acme.apply(change(JOE, "create", 1, **{"Email": "joe@acme.com", "City": "Oslo", "AccountId": ACME, **fields}))
    await acme.apply(change(ACME, "create", 1, Website="acme.com"))
    await acme.settle()
    return acme


@pytest.mark.parametrize("subject", [JOE, JOE[:15], "joe@acme.com", "JOE@ACME.COM"])
async def test_a_record_and_its_person_lead_to_each_other(subject: str) -> None:
    acme = await joe()
    told = await explain(acme.store, "acme", subject, 0)
    assert [each.record.record_id for each in told.records] == [JOE]
    assert [member.key for member in told.members] == ["joe@acme.com"]
    assert [(verdict.rule_id, verdict.holds) for verdict in told.records[0].rules] == [(OSLO.rule_id, True)]


async def test_a_domain_leads_to_the_records_of_its_account() -> None:
    acme = await joe()
    told = await explain(acme.store, "acme", "acme.com", 0)
    assert [each.record.record_id for each in told.records] == [ACME]


async def test_what_nobody_knows_is_refused_with_what_to_look_at() -> None:
    acme = await joe()
    with pytest.raises(Refused, match="knows no record, person or account ann@acme"):
        await explain(acme.store, "acme", "ann@acme.com", 0)


LEAD = record_id("lead")
CONVERTED = change(LEAD, "update", 2, IsConverted=True, ConvertedContactId=JOE)
SKIPPED: dict[str, tuple[str, Change, str]] = {
    "no_email": (JOE, change(JOE, "update", 2, Email=None), "not imported: no email"),
    "invalid_email": (JOE, change(JOE, "update", 2, Email="x"), "not imported: invalid email (An email"),
    "not_in_any_list": (JOE, change(JOE, "update", 2, City="Rome"), "not imported: not in any list"),
    "no_website": (ACME, change(ACME, "update", 2, Website=None), "not imported: no website"),
    "invalid_website": (ACME, change(ACME, "update", 2, Website="a site"), "not imported: invalid website (no regist"),
    "converted": (LEAD, CONVERTED, f"not imported: its contact stands in its place ({JOE})"),
}


@pytest.mark.parametrize("reason", SKIPPED)
async def test_every_skip_is_explained(reason: str) -> None:
    about, made, says = SKIPPED[reason]
    acme = await joe()
    await acme.apply(change(LEAD, "create", 1, Email="lea@acme.com", City="Rome"))
    await acme.apply(made)
    await acme.settle()
    told = await explain(acme.store, "acme", about, 0)
    skip = told.records[0].record.skip
    assert skip is not None
    assert skip.reason == reason
    assert fate(told.records[0]).startswith(says)


def test_no_reason_is_left_out() -> None:
    assert set(get_args(Skip.model_fields["reason"].annotation)) == SKIPPED.keys()


async def test_who_is_imported_has_none() -> None:
    told = await explain((await joe()).store, "acme", JOE, 0)
    assert fate(told.records[0]) == "imported"


async def test_a_contact_says_that_it_stands_where_its_lead_stood() -> None:
    leads = rule("lead", "Bergen", "west")
    acme = await routed(leads)
    await acme.apply(change(LEAD, "create", 1, Email="joe@acme.com", City="Bergen"))
    await acme.apply(change(JOE, "create", 2, Email="joe@acme.com"))
    await acme.apply(change(LEAD, "update", 2, IsConverted=True, ConvertedContactId=JOE, City=None))
    await acme.settle()
    told = await explain(acme.store, "acme", JOE, 0)
    (verdict,) = told.records[0].rules
    assert (verdict.rule_id, verdict.holds, verdict.carried_from) == (leads.rule_id, True, (LEAD,))
    assert f"as it held lead {LEAD}" in str([node.label for node in as_tree(told).children[0].children])


async def test_a_deleted_record_and_one_known_by_updates_only() -> None:
    acme = await joe()
    deleted = change(JOE, "delete", 2)
    for survivor, said in (
        (None, "deleted in Salesforce; whether it was merged into another record the org is still to be asked"),
        (NOT_MERGED, "deleted in Salesforce"),
        (ANN, f"merged into {ANN} in Salesforce"),
    ):
        await acme.apply(deleted.model_copy(update={"survivor": survivor}))
        assert fate((await explain(acme.store, "acme", JOE, 0)).records[0]) == said
    await acme.settle()
    told = await explain(acme.store, "acme", ANN, 0)
    assert told.records[0].merged_here == (JOE,)
    assert f"merged into it: {JOE}" in str([node.label for node in as_tree(told).children[0].children])
    fresh = await routed(OSLO)
    await fresh.apply(change(JOE, "update", 2, City="Oslo"))
    assert "updates only" in fate((await explain(fresh.store, "acme", JOE, 0)).records[0])


async def test_the_last_row_that_was_written_back_is_told() -> None:
    acme = await joe()
    store = acme.store
    await store.insights.swap(
        [Insight(team="acme", record_id=JOE, entity="contact", score=7.5, last_engagement_date="2026-02-27")]
    )
    for run_id, outcome in (("2026-02-27", "accepted"), ("2026-02-28", "rejected")):
        await store.writeback_runs.swap([WritebackRun(team="acme", run_id=run_id, started_at_ms=1)])
        row = WritebackRow(
            team="acme",
            run_id=run_id,
            record_id=JOE,
            entity="contact",
            score=7.5,
            last_engagement_date=None,
            outcome=outcome,
        )
        await keep_rows(store, [row])
    told = (await explain(store, "acme", JOE, 0)).records[0]
    assert told.last_row is not None
    assert (told.last_row.run_id, told.last_row.outcome) == ("2026-02-28", "rejected")
    assert told.insight is not None


async def test_the_tree_and_the_document_tell_the_same() -> None:
    acme = await joe()
    told = await explain(acme.store, "acme", JOE, 0)
    labels = str([node.label for node in as_tree(told).children])
    assert JOE in labels
    assert "joe@acme.com" in labels
    document = as_document(told)
    assert document["records"][0]["rules"][0]["lists"][0]["filter"]["value"] == "Oslo"
    assert document["members"][0]["segments"] == ["north"]
