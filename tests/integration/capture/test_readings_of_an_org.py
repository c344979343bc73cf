"""What capture reads by queries, against a simulated org that judges every query; the topics are in memory."""

from __future__ import annotations

import pytest

from sandbox.org.rows.writes import Write
from schemas.documents import ReadRequest
from tests.support.waiting import until
from workers.capture.pace import Pace
from workers.console.jobs import request_backfill

from .captured import BY_BULK, QUICK, Start


@pytest.mark.parametrize("pace", [QUICK, BY_BULK], ids=["REST", "Bulk"])
async def test_what_changed_while_nobody_listened_is_read_with_its_deletions(start: Start, pace: Pace) -> None:
    captured = await start()
    async with captured.capturing(pace):
        pass
    changed, deleted = captured.ids("Contact")[:2]
    before = len(captured.topics.changes)
    captured.commit(
        Write("update", "Contact", changed, {"Title": "while away"}), Write("delete", "Contact", deleted, {})
    )
    async with captured.capturing(pace):
        await until(lambda: any(c.kind == "delete" for c in captured.published(deleted)))
        await until(lambda: any(c.kind == "snapshot" for c in captured.published(changed)[1:]))

    assert {c.fields.get("Title") for c in captured.published(changed)[1:]} == {"while away"}
    assert {c.record_id for c in captured.topics.changes[before:] if c.kind == "delete"} == {deleted}


async def test_an_entity_without_events_is_polled(start: Start) -> None:
    captured = await start(cdc_entities=("Account", "Contact"))
    changed, deleted = captured.ids("Lead")[:2]
    async with captured.capturing():
        captured.commit(Write("update", "Lead", changed, {"Title": "polled"}), Write("delete", "Lead", deleted, {}))
        await until(lambda: any(c.fields.get("Title") == "polled" for c in captured.published(changed)))
        await until(lambda: any(c.kind == "delete" for c in captured.published(deleted)))


async def test_records_that_disappeared_are_swept(start: Start) -> None:
    captured = await start()
    kept, deleted, *_ = captured.ids("Contact")
    captured.commit(Write("delete", "Contact", deleted, {}))
    ghost = "003000000000077AAA"
    async with captured.capturing():
        await captured.mirror("contact", kept, deleted, ghost)
        job = await captured.done("sweep", ReadRequest(entity="contact"))

    assert (job.state, job.report["deleted"], job.report["vanished"]) == ("needs_confirmation", 1, 1)
    assert captured.published(deleted)[-1].kind == "delete"
    assert not captured.published(ghost)


async def test_a_backfill_and_a_comparison(start: Start) -> None:
    captured = await start()
    one, two, *_ = captured.ids("Contact")
    async with captured.capturing():
        request = ReadRequest(entity="contact", ids=(one, two))
        by_id = await captured.ended((await request_backfill(captured.store.jobs, "acme", request, 1)).job_id)
        whole = await captured.ended(
            (await request_backfill(captured.store.jobs, "acme", ReadRequest(entity="contact"), 2)).job_id
        )
        await captured.mirror("contact", one)
        compared = await captured.done("reconcile", ReadRequest(entity="contact"))

    assert (by_id.report, whole.report) == ({"read": 2, "vanished": 0}, {"read": 30})
    assert (compared.report["compared"], compared.report["in_org"], compared.report["in_mirror"]) == (1, 30, 1)
