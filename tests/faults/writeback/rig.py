"""A team with scores, its org, and write-back workers in processes of their own that may be killed at any moment."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import signal
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, Literal

from pymongo import MongoClient

from schemas.documents import Connection, Contribution, Member, Record, WritebackRun
from schemas.events import Entity
from tests.faults.orgs import Org, OrgProcess
from tests.faults.writeback.child import Orders, work
from tests.faults.writeback.oracle import judge, written
from tests.support.engagement import rescored
from tests.support.waiting import until
from workers.adapters.mongo import open_store
from workers.adapters.salesforce.oauth import client_credentials
from workers.adapters.secrets import TokenCipher, generate_key
from workers.core.normalize import OBJECTS
from workers.ports import Store

DAY_MS = 86_400_000
STOP_SECONDS = 15.0
RUN_SECONDS = 120.0
"""For one day's run, with all that strikes it."""

ENDED = ("JobComplete", "Failed", "Aborted")

ORG: Mapping[str, Any] = {
    "contacts": 40,
    "leads": 20,
    "accounts": 10,
    "bulk_internal_batch_rows": 6,
    "bulk_transaction_rows": 3,
}

# Forked from one that has imported the libraries, a worker starts at once.
FORKS = multiprocessing.get_context("forkserver")


@dataclass(slots=True)
class Runner:
    """One write-back worker, in as many lives as a run needs."""

    orders: Orders
    process: ForkServerProcess | None = None

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.is_alive()

    def start(self, dies_at: int | None = None, dies: Literal["before", "after"] = "before") -> None:
        if self.alive:
            return
        orders = replace(self.orders, dies_at=dies_at, dies=dies)
        self.process = FORKS.Process(target=work, args=(orders,), daemon=True)
        self.process.start()

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        if self.process is not None:
            self.process.join(STOP_SECONDS)

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def terminate(self) -> None:
        """In order."""
        self._signal(signal.SIGTERM)
        if self.process is not None:
            self.process.join(STOP_SECONDS)

    def _signal(self, number: signal.Signals) -> None:
        if self.alive and self.process is not None and self.process.pid is not None:
            os.kill(self.process.pid, number)


@dataclass(slots=True)
class WritebackRig:
    team: str
    org: Org
    store: Store = field(repr=False)
    runners: list[Runner]
    clock: Path
    rng: random.Random = field(repr=False)
    expected: dict[str, list[float]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    day: int = 0
    due: int = 1
    """Runs that there must be: one for each time that the clock has moved."""

    def note(self, fault: str) -> None:
        self.faults.append(fault)

    async def pause(self, least: float, most: float) -> None:
        """Faults come at random times: this is the time, not a wait for anything."""
        await asyncio.sleep(self.rng.uniform(least, most))

    async def known(self) -> None:
        """Each contact and lead is a person, each account an account; all have a score."""
        for entity, name in OBJECTS.items():
            ids = await self.org.ids(name)
            members = [self._member(entity, record_id) for record_id in ids]
            records = [
                Record(team=self.team, record_id=record_id, entity=entity, alive=True, targets={"people": (record_id,)})
                for record_id in ids
            ]
            assert not await (self.store.accounts if entity == "account" else self.store.people).swap(members)
            assert not await self.store.records.swap(records)
            self.expected |= {record_id: [] for record_id in ids}
        await self.rescore(share=1.0)

    def _member(self, entity: Entity, record_id: str) -> Member:
        contributions = {record_id: Contribution(rev=1, entity=entity)}
        return Member(team=self.team, key=record_id, alive=True, contributions=contributions)

    async def rescore(self, share: float = 0.6) -> None:
        """Other scores than ever before, for some."""
        for number, (record_id, scores) in enumerate(sorted(self.expected.items())):
            if self.rng.random() > share:
                continue
            subject = "account" if record_id.startswith("001") else "person"
            score = len(scores) * 1000 + number + 0.25
            await rescored(self.store, self.team, subject, record_id, score, self.day * DAY_MS)
            scores.append(score)

    async def next_day(self, days: int = 1) -> None:
        """For everybody, the org too."""
        await self.org.admin("clock", advance_seconds=days * DAY_MS // 1000)
        self.day += days
        self.due += 1
        swapped = self.clock.with_suffix(".new")
        swapped.write_text(str(self.day * DAY_MS))
        swapped.replace(self.clock)

    async def runs(self) -> list[WritebackRun]:
        return [run async for run in self.store.writeback_runs.scan(self.team)]

    async def ended(self) -> None:
        """All runs that are due are at their end. Raises TimeoutError."""

        async def all_ended() -> bool:
            found = await self.runs()
            return len(found) >= self.due and all(run.state != "running" for run in found)

        await until(all_ended, RUN_SECONDS, pause=0.05)

    async def heal(self) -> None:
        """Whatever was planned and has not struck is forgotten; everybody works."""
        await self.org.admin("faults/clear")
        for runner in self.runners:
            runner.thaw()
            runner.start()

    async def finish(self) -> None:
        """One more day, on which nothing strikes, brings what was left."""
        await self.heal()
        try:
            await self.ended()
            await self.next_day()
            await self.ended()
        except TimeoutError:
            states = [
                (run.run_id, run.state, {name: part.step for name, part in run.parts.items()})
                for run in await self.runs()
            ]
            self.violations.append(f"a run does not end within {RUN_SECONDS:.0f} s: {states}")

    async def verdict(self) -> list[str]:
        rows = {
            record_id: row
            for name in OBJECTS.values()
            for record_id, row in (await self.org.client.state(name)).items()
        }
        ledger = [line async for line in self.org.client.ledger()]
        found = judge(self.expected, rows, written(ledger), await self.runs(), await self._open_jobs())
        return self.violations + found

    async def _open_jobs(self) -> list[str]:
        url = f"{self.org.client.data_url}/jobs/ingest"
        async with self.org.client.session.get(url, headers=self.org.client.headers) as reply:
            jobs = (await reply.json())["records"]
        return [
            f"{job['id']} {job['state']}" for job in jobs if job["state"] not in ("JobComplete", "Failed", "Aborted")
        ]


@asynccontextmanager
async def opened(
    orgs: OrgProcess, mongodb_uri: str, directory: Path, seed: str, *, jobs: bool, runners: int
) -> AsyncIterator[WritebackRig]:
    rng, key = random.Random(seed), generate_key()
    team = seed.lower().replace(":", "-")
    clock = directory / f"{team}.clock"
    clock.write_text("0")
    database = f"{team}-{uuid.uuid4().hex[:8]}"
    async with AsyncExitStack() as stack:
        stack.callback(_drop, mongodb_uri, database)
        org = await orgs.open(rng.randint(1, 10_000), **ORG)
        stack.push_async_callback(orgs.close, org)
        store = await stack.enter_async_context(open_store(mongodb_uri, database))
        await _connect(store, team, org, orgs, TokenCipher([key]))
        orders = Orders(mongodb_uri, database, key, clock, directory / f"{team}.log", jobs)
        rig = WritebackRig(team, org, store, [Runner(orders) for _ in range(runners)], clock, rng)
        for runner in rig.runners:
            stack.callback(runner.kill)
        await rig.known()
        yield rig
        for runner in rig.runners:
            runner.terminate()


def _drop(mongodb_uri: str, database: str) -> None:
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        client.drop_database(database)


async def _connect(store: Store, team: str, org: Org, orgs: OrgProcess, cipher: TokenCipher) -> None:
    given = org.credentials
    authorization = await client_credentials(
        orgs.session,
        given["login_url"],
        client_id=given["client_id"],
        client_secret=given["client_secret"],
        allow_insecure_loopback=True,
    )
    connection = Connection(
        team=team,
        org_id=authorization.org_id,
        instance_url=authorization.instance_url,
        login_url=given["login_url"],
        client_id=given["client_id"],
        grant="client_credentials",
        secret=cipher.seal(team, authorization.secret),
        connected_at_ms=1,
    )
    assert not await store.connections.swap([connection])
