"""Rows in which events alone do not tell everything: what queries bring must make up for it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Literal

from schemas.documents import Job, Record
from schemas.events import Entity
from tests.faults.oracles import Promise
from tests.faults.runs import OBJECT_NAMES, Row, Run
from tests.support.waiting import until
from workers.capture.jobfile import post
from workers.core.merge import blank, merge

JOB_SECONDS = 120.0
STATE_ONLY = Promise(every_event=False, in_order=False)

SYNC_USER = "sync@org.example"
PRIVATE_LEADS: Mapping[str, Any] = {
    "users": [{"username": SYNC_USER, "permission_sets": ["Sync"]}],
    "sharing": [["Lead", "private"]],
    "client_credentials_username": SYNC_USER,
    "leads": 20,
}
"""The connected user sees them by a right that can be taken away."""

LATE_SECONDS = 240
"""How long a transaction may take to commit after it stamped its records; ten minutes at most."""


async def an_event_is_never_published(run: Run) -> None:
    """F34: only a comparison of the mirror with the org finds the record."""
    for _ in range(run.rng.randint(1, 3)):
        await run.edit(run.chance_seconds(0.1, 0.5))
        run.note("an event is dropped")
        await run.org.fault("drop-event")
        async with run.org.turn:
            await run.update("Contact")
    await run.edit(0.3)
    run.truth = await run.org.truth()
    await until(lambda: _streamed(run), JOB_SECONDS)
    await mirror(run, "contact")
    job = await done(run, "reconcile", "contact")
    if job.report["differing"] < 1:
        run.violations.append(f"the comparison found nothing: {job.report}")


def _streamed(run: Run) -> bool:
    """Nothing but what was dropped can be missing."""
    return all("Description" in one for one in run.missing())


async def commits_come_late(run: Run) -> None:
    """F36: records appear with stamps that lie before those of records already read, and nobody has their events."""
    await run.org.admin("permissions", object="Lead", view_all=False)
    await run.org.admin("cometd/forget-sessions")
    async with run.editing(3.0):
        for _ in range(4):
            await run.pause(0.2, 0.8)
            seconds = run.rng.randint(5, LATE_SECONDS)
            run.note(f"a commit is {seconds} s late")
            async with run.org.turn:
                await run.org.admin("clock", advance_seconds=-seconds)
                await run.create("Lead")
                await run.org.admin("clock", advance_seconds=seconds)


async def rows_are_hidden(run: Run) -> None:
    """F37: the user sees fewer records than before; that is no deletion."""
    grant = await _see_all_leads(run)
    await run.connect(run.team, run.org)
    await run.all_read()
    leads = await run.org.ids("Lead")
    hidden = run.rng.sample(leads, max(1, len(leads) * 3 // 10))
    (user,) = await run.org.client.query(f"SELECT Id FROM User WHERE Username = '{SYNC_USER}'")  # noqa: S608
    await run.org.update_all("Lead", [one for one in leads if one not in hidden], {"OwnerId": user["Id"]})
    await run.caught_up()
    await mirror(run, "lead")
    run.note(f"{len(hidden)} of {len(leads)} rows are hidden")
    await run.org.client.update("ObjectPermissions", grant, {"PermissionsViewAllRecords": False})
    job = await done(run, "sweep", "lead")
    if job.state != "needs_confirmation" or job.report["vanished"] != len(hidden):
        run.violations.append(f"the sweep did not ask: {job.state} {job.report}")
    if wrong := [change.record_id for change in run.changes if change.kind == "delete"]:
        run.violations.append(f"deleted although only hidden: {wrong}")
    await run.org.client.update("ObjectPermissions", grant, {"PermissionsViewAllRecords": True})
    await run.org.admin("cometd/forget-sessions")


async def _see_all_leads(run: Run) -> str:
    """All records of the three objects, by a permission set; the id of the grant for leads."""
    client = run.org.client
    (permission_set,) = await client.query("SELECT Id FROM PermissionSet WHERE Name = 'Sync'")
    grants = {}
    for name in OBJECT_NAMES:
        rights = {"PermissionsRead": True, "PermissionsViewAllRecords": True}
        fields = {"ParentId": permission_set["Id"], "SobjectType": name, **rights}
        grants[name] = await client.create("ObjectPermissions", fields)
    return grants["Lead"]


async def mirror(run: Run, entity: Entity) -> None:
    """As routing would have written it from the topics."""
    records: dict[str, Record] = {}
    for change in run.changes:
        if change.entity == entity:
            records[change.record_id] = merge(records.get(change.record_id) or blank(change), change)
    assert not await run.lane.store.records.swap(list(records.values()))


async def done(run: Run, kind: Literal["sweep", "reconcile"], entity: Entity) -> Job:
    """A job of the team, when it is no longer open."""
    key = (run.team, f"{kind}-{entity}")
    asked = {"team": key[0], "job_id": key[1], "kind": kind, "state": "pending", "request": {"entity": entity}}
    await post(run.lane.store.jobs, Job.model_validate({**asked, "updated_at_ms": time.time_ns() // 1_000_000}))

    async def over() -> bool:
        return (await run.lane.store.jobs.load([key]))[key].state not in {"pending", "running"}

    await until(over, JOB_SECONDS, pause=0.1)
    return (await run.lane.store.jobs.load([key]))[key]


ROWS = (
    Row("F34", "event never published", an_event_is_never_published, STATE_ONLY),
    Row("F36", "late commits", commits_come_late, STATE_ONLY),
    Row("F37", "rows hidden", rows_are_hidden, STATE_ONLY, connects=False, org=PRIVATE_LEADS),
)
