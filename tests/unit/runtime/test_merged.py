"""An account's deletion may be a merge, which moves its contacts without a word."""

from __future__ import annotations

from schemas.documents import Job, ReadRequest
from workers.runtime.merged import read_contacts_again

from .crm import ACME, ANN, BETA, JOE, change
from .routed import Routed, documents, routed


def jobs(of: Routed) -> list[Job]:
    return list(documents(of.store.jobs).all())


async def employed() -> Routed:
    acme = await routed()
    await acme.apply(
        change(ACME, "create", 1, Website="acme.com"),
        change(JOE, "create", 1, Email="joe@acme.com", City="Oslo", AccountId=ACME),
        change(ANN, "create", 1, Email="ann@acme.com", City="Oslo", AccountId=ACME),
    )
    await acme.settle()
    return acme


async def test_contacts_that_a_deleted_account_leaves_behind_are_to_be_read_again() -> None:
    acme = await employed()
    await acme.apply(change(JOE, "delete", 2))
    await acme.apply(change(ACME, "delete", 3))
    (job,) = jobs(acme)
    assert (job.kind, job.state, job.request) == (
        "backfill",
        "pending",
        ReadRequest(entity="contact", ids=(ANN,), living_only=True),
    )
    assert not (await acme.record(ACME)).contacts_due


async def test_nothing_is_to_be_read_when_they_are_gone_or_moved_already() -> None:
    acme = await employed()
    await acme.apply(change(JOE, "delete", 2), change(ANN, "update", 2, AccountId=BETA))
    await acme.apply(change(ACME, "delete", 3))
    assert jobs(acme) == []


async def test_a_change_that_is_no_deletion_leaves_no_job() -> None:
    acme = await employed()
    await acme.apply(change(ACME, "update", 2, Website="acme.org"))
    await acme.apply(change(BETA, "delete", 2))
    assert jobs(acme) == []


async def test_a_job_that_is_left_twice_is_one() -> None:
    acme = await employed()
    await acme.apply(change(ACME, "delete", 2))
    (job,) = jobs(acme)
    account = await acme.record(ACME)
    before = account.model_copy(update={"rev": account.rev - 1})  # as it stood when the job was left
    await read_contacts_again(acme.store, before, [JOE, ANN], 0)
    assert jobs(acme) == [job]
