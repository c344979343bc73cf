"""Rows about many teams on one worker: who is loud, and how many fit."""

from __future__ import annotations

import asyncio
from statistics import quantiles

from tests.faults.oracles import Announcement, Promise, missing
from tests.faults.orgs import Org
from tests.faults.runs import CONNECT_SECONDS, Row, Run
from tests.support.waiting import until

NOISY_RECORDS = 150
TEAMS = 20
"""2,000 are for a benchmark (`benchmarks/bench_capture.py`): this is about what faults do to them."""


async def one_team_is_loud(run: Run) -> None:
    """F43: thousands of changes of one team beside some of another."""
    loud = await run.open_org(run.seed + 1000, contacts=NOISY_RECORDS)
    await run.connect(f"{run.team}-loud", loud)
    await until(lambda: run.lane.topics.read_of(f"{run.team}-loud"), CONNECT_SECONDS, pause=0.05)
    await run.edit(3.0)
    await run.caught_up()
    alone = {*run.truth.announced}
    noise = asyncio.create_task(_noise(loud))
    try:
        await run.edit(4.0)
        await run.caught_up()
    finally:
        noise.cancel()
        await asyncio.gather(noise, return_exceptions=True)
    beside = run.truth.announced.keys() - alone
    run.note(f"p95 alone {_p95_ms(run, alone):.0f} ms, beside the loud one {_p95_ms(run, beside):.0f} ms")


async def _noise(org: Org) -> None:
    ids = await org.ids("Contact")
    number = 0
    while True:
        number += 1
        await asyncio.gather(*(org.client.update("Contact", one, {"Description": f"{number}"}) for one in ids))


def _p95_ms(run: Run, announced: set[Announcement]) -> float:
    """From the commit in the org to the record's own time in Kafka."""
    sent_ms = run.lane.topics.sent_ms[run.team]
    found = [sent_ms[one] - run.truth.committed_ms[one] for one in announced if one in sent_ms]
    return quantiles(found, n=20)[18] if len(found) > 1 else 0.0


async def a_worker_with_many_teams_is_killed(run: Run) -> None:
    """F44: whoever takes over connects them all again, and nobody lacks anything."""
    teams = [f"{run.team}-{number}" for number in range(TEAMS)]
    topics = run.lane.topics
    for team in teams:
        await run.connect(team, run.org)
    await until(lambda: all(topics.read_of(team) for team in teams), CONNECT_SECONDS, pause=0.1)
    await run.touch()  # a channel that never delivered anything has no replay id to come back to
    await run.caught_up()
    await until(lambda: not any(_missing(run, team) for team in teams), run.patience_seconds, pause=0.2)
    await run.edit(1.0)
    await run.pause(0.0, 1.0)
    worker = run.rng.choice(run.lane.workers)
    run.note(f"kill {run.lane.workers.index(worker)}")
    worker.kill()
    await run.edit(1.0)
    worker.start()
    await run.caught_up()
    try:
        await until(lambda: not any(_missing(run, team) for team in teams), run.patience_seconds, pause=0.2)
    except TimeoutError:
        behind = [team for team in teams if _missing(run, team)]
        run.violations.append(f"{len(behind)} of {TEAMS} teams lack something: {_missing(run, behind[0])[:3]}")


def _missing(run: Run, team: str) -> list[str]:
    return missing(run.truth, run.lane.topics.changes[team], run.row.promise)


ROWS = (
    Row("F43", "loud neighbour", one_team_is_loud, alone=True),
    Row("F44", "many teams", a_worker_with_many_teams_is_killed, Promise(every_event=False), alone=True),
)
