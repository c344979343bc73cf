"""Rows about the one thing that all processes of a team share in Salesforce: its token."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from schemas.documents import Connection
from tests.faults.asker import Asker, Question
from tests.faults.orgs import Grant
from tests.faults.points import TOKEN_POINTS
from tests.faults.runs import CONNECT_SECONDS, Row, Run
from tests.faults.worker import Worker
from tests.support.waiting import until

ROTATING = {"rotate_refresh_tokens": True, "reuse_revokes_family": True}

EXPIRIES = 3


async def tokens_expire_for_everybody(run: Run) -> None:
    """F42: whoever notices first asks for a new one, sixteen processes and two workers; some die over it."""
    grant: Grant = run.rng.choice(("client_credentials", "authorization_code", "authorization_code"))
    async with run.lane.askers.mine() as askers:
        await run.connect(run.team, run.org, grant)
        await run.all_read()
        await run.touch()
        await run.caught_up()
        for _ in range(EXPIRIES):
            await run.edit(run.chance_seconds(0.2, 0.6))
            await run.caught_up()
            await _expire(run, askers, run.rng.choice(("", *TOKEN_POINTS)))


async def _expire(run: Run, askers: Sequence[Asker], point: str) -> None:
    before, revoked, connection = await _grants(run), await _families_revoked(run), await _connection(run)
    everybody: list[Asker | Worker] = [*askers, *run.lane.workers]
    for one in everybody if point else ():
        one.stop_at("kill", point, 1)
    run.note(f"tokens expire ({connection.grant}{', whoever refreshes dies ' if point else ''}{point})")
    await run.org.revoke_tokens()
    asked = [asyncio.create_task(asker.ask(_question(run))) for asker in askers]
    if point:
        await until(lambda: not all(one.alive for one in everybody), CONNECT_SECONDS, pause=0.02)
    for one in everybody:
        one.obey_no_more()
        one.start()
    answers = [answer for answer in await asyncio.gather(*asked) if answer != "died"]
    lost = point == "after grant"
    if lost and connection.grant == "authorization_code":
        await _reconnect(run, answers)
        return
    run.violations += [answer for answer in answers if answer != "answered"]
    await run.edit(0.2)
    await run.caught_up()
    granted = await _grants(run) - before - 1  # one is of those who edit
    if granted != 1 + lost:
        run.violations.append(f"{granted} new tokens for one expiry")
    if (state := (await _connection(run)).state) != "active":
        run.violations.append(f"the connection is {state}")
    if await _families_revoked(run) != revoked:
        run.violations.append("a refresh token was used twice")


def _question(run: Run) -> Question:
    return Question(run.lane.mongodb_uri, run.lane.namespace, run.lane.key, run.team, run.chance_seconds(0.0, 0.3))


async def _reconnect(run: Run, answers: list[str]) -> None:
    """Who died took the only good refresh token along: everybody is told so, and a person must act."""
    run.violations += [answer for answer in answers if f"connections connect {run.team}" not in answer]

    async def told() -> bool:
        return (await _connection(run)).state == "needs_reconnect"

    await until(told, CONNECT_SECONDS, pause=0.1)
    run.note("connected anew")
    await run.lane.connect(run.team, run.org, "authorization_code")
    await run.edit(0.2)
    await run.caught_up()


async def _connection(run: Run) -> Connection:
    return (await run.lane.store.connections.load([(run.team, run.team)]))[run.team, run.team]


async def _grants(run: Run) -> int:
    return int((await run.org.read("stats"))["accessTokensIssued"])


async def _families_revoked(run: Run) -> int:
    return int((await run.org.read("stats"))["familiesRevoked"])


ROWS = (Row("F42", "tokens expire", tokens_expire_for_everybody, alone=True, connects=False, org=ROTATING),)
