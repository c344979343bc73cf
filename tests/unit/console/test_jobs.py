"""What a person asks for and agrees to."""

from __future__ import annotations

import pytest

from schemas.documents import Job, ReadRequest
from workers.adapters.memory.store import memory_store
from workers.console.jobs import MAX_IDS, confirm, job_of, read_request, request_backfill
from workers.ports import Refused, Store

ASKING = Job(
    team="acme",
    job_id="sweep-lead",
    kind="sweep",
    state="needs_confirmation",
    request=ReadRequest(entity="lead"),
    detail="7 of 20 leads",
    updated_at_ms=1,
)


@pytest.fixture
def store() -> Store:
    return memory_store()


async def test_a_backfill_waits_for_capture(store: Store) -> None:
    request = read_request("lead", since_ms=5, ids=(), dry_run=False)
    job = await request_backfill(store.jobs, "acme", request, now_ms=9)
    assert [opened.job_id for opened in await store.job_queries.open()] == [job.job_id]
    assert (await job_of(store.jobs, "acme", job.job_id)).request == ReadRequest(entity="lead", since_ms=5)


def test_ids_are_completed_and_checked() -> None:
    request = read_request("lead", since_ms=None, ids=["00Q000000000001", "00Q000000000001EAA"], dry_run=True)
    assert request.ids == ("00Q000000000001EAA",)
    with pytest.raises(Refused, match="not a record id"):
        read_request("lead", since_ms=None, ids=["x' OR Name != '"], dry_run=True)
    with pytest.raises(Refused, match="at most"):
        read_request("lead", since_ms=None, ids=[f"00Q{n:012d}AAA" for n in range(MAX_IDS + 1)], dry_run=True)


async def test_agreeing_opens_the_job_again(store: Store) -> None:
    await store.jobs.swap([ASKING])
    assert await store.job_queries.open() == []
    await confirm(store.jobs, "acme", "sweep-lead", now_ms=9)
    (opened,) = await store.job_queries.open()
    assert opened.request is not None
    assert (opened.state, opened.request.confirmed, opened.detail) == ("pending", True, None)


async def test_only_a_job_that_asks_can_be_agreed_to(store: Store) -> None:
    await store.jobs.swap([ASKING.model_copy(update={"state": "done"})])
    with pytest.raises(Refused, match="asks nothing"):
        await confirm(store.jobs, "acme", "sweep-lead", now_ms=9)
    with pytest.raises(Refused, match="no job"):
        await confirm(store.jobs, "acme", "nonsense", now_ms=9)
