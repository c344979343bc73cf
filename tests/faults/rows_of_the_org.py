"""Rows in which Salesforce misbehaves: one team suffers, and the workers go on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from tests.faults.oracles import Promise
from tests.faults.runs import OBJECT_NAMES, Row, Run

CHANGED_STATE = Promise(every_event=False)
"""What is read by queries brings the records as they are, not each of their changes."""

COMETD = {"surface": "cometd"}


async def the_session_breaks(run: Run) -> None:
    """F30."""
    org = run.org
    strikes: dict[str, Callable[[], Awaitable[Any]]] = {
        "access tokens revoked": org.revoke_tokens,
        "sessions forgotten": lambda: org.admin("cometd/forget-sessions"),
        "unknown client": lambda: org.fault("bayeux-error", name="unknown-client"),
        "server disconnects": lambda: org.fault("server-disconnect"),
        "error page": lambda: org.fault("html-503", where=COMETD, status=500),
        "reset": lambda: org.fault("reset", where=COMETD),
        "lost reply": lambda: org.fault("lost-reply", where=COMETD),
        "half-open": lambda: org.fault("half-open", where=COMETD, seconds=6),
        "truncated reply": lambda: org.fault("truncated-reply", where=COMETD),
        "repeated delivery": lambda: org.fault("repeated-delivery"),
        "shuffled delivery": lambda: org.fault("shuffled-delivery"),
    }
    async with run.editing(5.0):
        for name in run.rng.sample(sorted(strikes), 4):
            await run.pause(0.2, 1.2)
            run.note(name)
            await strikes[name]()


async def the_replay_id_expires(run: Run) -> None:
    """F31: what is committed while nobody listens is gone from the event bus as well."""
    await run.edit(run.chance_seconds(0.3, 1.0))
    await run.caught_up()
    await run.org.admin("cometd/stall", on=True)
    await run.edit(run.chance_seconds(0.3, 1.0))
    run.note("retained events expire")
    await run.org.admin("events/expire")
    await run.org.admin("cometd/stall", on=False)
    await run.org.admin("cometd/forget-sessions")
    await run.edit(run.chance_seconds(0.3, 1.0))


async def the_org_moves(run: Run) -> None:
    """F32: replay ids start again."""
    async with run.editing(4.0):
        await run.pause(0.5, 3.0)
        run.note("the org moves to another instance")
        await run.org.admin("events/migrate")


async def events_say_too_little(run: Run) -> None:
    """F33: gap events, an overflow, one event of several records."""
    async with run.editing(4.0):
        for _ in range(4):
            await run.pause(0.1, 0.9)
            what = run.rng.choice(("gap", "overflow", "merged"))
            run.note(what)
            if what == "gap":
                await run.org.fault("gap-event", times=run.rng.randint(1, 3))
            else:
                async with run.org.turn:
                    await _together(run, 30 if what == "overflow" else 5, what)


async def _together(run: Run, records: int, text: str) -> None:
    """In one transaction; beyond the org's limit (`orgs.SETTINGS`) the rest is an overflow."""
    name = run.rng.choice(OBJECT_NAMES)
    ids = await run.org.ids(name)
    for number in range(max(0, records - len(ids))):
        fields = {"Name": f"{number}"} if name == "Account" else {"LastName": f"{number}", "Company": "Acme"}
        if name == "Contact":
            del fields["Company"]
        ids.append(await run.org.client.create(name, fields))
    some = run.rng.sample(ids, records)
    await run.org.update_all(name, some, {"Description": f"{text} {run.rng.random()}"})


async def edits_race_the_first_reading(run: Run) -> None:
    """F35: the team is connected while its records change."""
    async with run.editing(3.0, per_second=30.0):
        await run.pause(0.0, 0.5)
        run.note("connected")
        await run.connect(run.team, run.org)


ROWS = (
    Row("F30", "session breaks", the_session_breaks),
    Row("F31", "replay id expired", the_replay_id_expires, Promise(every_event=False, once=False, in_order=False)),
    Row(
        "F32", "org moves", the_org_moves, Promise(every_event=False, once=False, in_order=False, last_replay_id=False)
    ),
    Row("F33", "events without data", events_say_too_little, CHANGED_STATE),
    Row("F35", "reading against stream", edits_race_the_first_reading, CHANGED_STATE, connects=False),
)
