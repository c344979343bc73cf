"""The application of an edit, as people watch it."""

from __future__ import annotations

import pytest

from schemas.documents import Job
from workers.runtime import reapply as module
from workers.runtime.reapply import Reapplier

from .crm import change, record_id, rule
from .routed import Routed, routed

OSLO, BERGEN = rule("contact", "Oslo", "north"), rule("contact", "Bergen", "west")


@pytest.fixture
async def acme(monkeypatch: pytest.MonkeyPatch) -> Routed:
    """Five records, applied two at a time."""
    monkeypatch.setattr(module, "PAGE", 2)
    team = await routed(OSLO)
    await team.apply(
        *(change(record_id("contact", n), "create", 1, Email=f"p{n}@x.com", City="Oslo") for n in range(5))
    )
    await team.rules(OSLO, BERGEN)
    return team


async def jobs(team: Routed) -> list[tuple[str, str, int, int | None]]:
    found: list[Job] = [job async for job in team.store.jobs.scan("acme")]
    assert {job.kind for job in found} <= {"rules"}
    return [(job.job_id, job.state, job.done, job.total) for job in found]


async def look(team: Routed, now_ms: int) -> None:
    """As a process that has just started does: it knows nothing of what another one commanded."""
    await Reapplier(team.store, team.publisher).look(now_ms)
    await team.settle()


async def test_progress_counts_the_records_that_are_evaluated_under_the_new_rules(acme: Routed) -> None:
    seen = []
    for now_ms in range(0, 12_000, 3000):
        await look(acme, now_ms)
        seen += await jobs(acme)
    assert seen == [
        ("rules-00000002", "running", 0, 5),
        ("rules-00000002", "running", 2, 5),
        ("rules-00000002", "running", 4, 5),
        ("rules-00000002", "done", 5, 5),
    ]


async def test_it_is_counted_every_two_seconds_at_most(acme: Routed) -> None:
    for now_ms in (0, 500, 1999):
        await look(acme, now_ms)
    assert await jobs(acme) == [("rules-00000002", "running", 0, 5)]


async def test_an_edit_that_another_one_overtook_is_done_with_it(acme: Routed) -> None:
    await look(acme, 0)
    await acme.rules(OSLO)
    for now_ms in range(3000, 18_000, 3000):
        await look(acme, now_ms)
    assert await jobs(acme) == [("rules-00000002", "done", 5, 5), ("rules-00000003", "done", 5, 5)]


async def test_an_edit_that_concerns_no_record_is_done_at_once(acme: Routed) -> None:
    await acme.rules(OSLO, team="globex")
    await look(acme, 0)
    assert [(job.state, job.done, job.total) async for job in acme.store.jobs.scan("globex")] == [("done", 0, 0)]
