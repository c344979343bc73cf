"""One run of one row: a team, edits in its org, faults at random times, and what came of it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import ClientError
from aiokafka.errors import KafkaError

from schemas.events import Change
from tests.faults.lane import Lane
from tests.faults.oracles import Promise, Truth, duplicates, judge, missing, oversized
from tests.faults.orgs import Grant, Org
from tests.support.waiting import until
from workers.ports import Unavailable

CONNECT_SECONDS = 120.0
CONVERGE_SECONDS = 120.0
"""After the last fault. Far more than all timeouts one after the other, so that a busy machine is no violation."""

SLOWLY_PER_SECOND = 3.0

OBJECT_NAMES = ("Contact", "Lead", "Account")


@dataclass(slots=True)
class Run:
    row: Row
    seed: int
    lane: Lane = field(repr=False)
    org: Org = field(repr=False)
    team: str
    rng: random.Random = field(repr=False)
    users: random.Random = field(repr=False)
    """Of those who edit: what strikes when must not depend on how many edits a busy machine has time for."""
    patience_seconds: float = CONVERGE_SECONDS
    faults: list[tuple[float, str]] = field(default_factory=list)
    """Seconds since the run began, and what struck."""
    violations: list[str] = field(default_factory=list)
    recovery_seconds: float | None = None
    truth: Truth = field(default_factory=Truth, repr=False)
    peak_rss_mb: float = 0.0
    teams: list[str] = field(default_factory=list)
    """Connected by this run."""
    orgs: list[Org] = field(default_factory=list, repr=False)
    """Opened by this run."""
    _began: float = field(default_factory=lambda: asyncio.get_running_loop().time())
    _edits: int = 0

    def note(self, fault: str) -> None:
        self.faults.append((round(asyncio.get_running_loop().time() - self._began, 2), fault))

    def chance_seconds(self, least: float, most: float) -> float:
        return self.rng.uniform(least, most)

    async def pause(self, least: float, most: float) -> None:
        """Faults come at random times: this is the time, not a wait for anything."""
        await asyncio.sleep(self.chance_seconds(least, most))

    # --- what the org's users do ---

    async def touch(self) -> None:
        """One edit of each object, so that each channel has a replay id to come back to."""
        async with self.org.turn:
            for name in OBJECT_NAMES:
                await self.update(name)

    async def edit(self, seconds: float, per_second: float = 12.0) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while loop.time() < end:
            async with self.org.turn:
                await self._edit()
            await asyncio.sleep(self.users.expovariate(per_second))

    @asynccontextmanager
    async def editing(self, seconds: float, per_second: float = 12.0) -> AsyncIterator[None]:
        """Beside what the block does: for so long, and then more slowly until the block has ended."""
        ended = asyncio.Event()

        async def go_on() -> None:
            await self.edit(seconds, per_second)
            while not ended.is_set():
                await self.edit(0.2, SLOWLY_PER_SECOND)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(go_on())
            yield
            ended.set()

    async def _edit(self) -> None:
        name, dice = self.users.choice(OBJECT_NAMES), self.users.random()
        if dice < 0.80:
            await self.update(name)
        elif dice < 0.90:
            await self.create(name)
        elif dice < 0.95:
            records = await self.org.ids(name)
            some = self.users.sample(records, min(3, len(records)))
            await self.org.update_all(name, some, {"Description": self._text()})
        else:
            await self._delete()

    async def update(self, name: str, more: str = "") -> None:
        record_id = self.users.choice(await self.org.ids(name))
        await self.org.client.update(name, record_id, {"Description": self._text() + more})

    async def create(self, name: str) -> None:
        text = self._text()
        fields = {"Name": text} if name == "Account" else {"LastName": text}
        if name == "Lead":
            fields["Company"] = "Acme"
        await self.org.client.create(name, fields)

    async def _delete(self) -> None:
        ids = await self.org.ids("Lead")
        if len(ids) > 2:
            await self.org.client.delete("Lead", self.users.choice(ids))

    def _text(self) -> str:
        self._edits += 1
        return f"{self.team} {self._edits}"

    async def open_org(self, seed: int, **settings: Any) -> Org:
        org = await self.lane.orgs.open(seed, **settings)
        self.orgs.append(org)
        return org

    async def connect(self, team: str, org: Org, grant: Grant = "client_credentials") -> None:
        self.teams.append(team)
        await self.lane.connect(team, org, grant)

    # --- what capture does ---

    @property
    def changes(self) -> list[Change]:
        """What the topics say of the team so far."""
        return self.lane.topics.changes[self.team]

    def missing(self) -> list[str]:
        return missing(self.truth, self.changes, self.row.promise)

    async def caught_up(self) -> None:
        """Everything that the org has done until now is in the topics. Raises TimeoutError."""
        self.truth = await self.org.truth()
        topics = self.lane.topics
        await until(lambda: not self.missing() and topics.read_of(self.team), self.patience_seconds, pause=0.05)

    async def all_read(self) -> None:
        await until(lambda: self.lane.topics.read_of(self.team), CONNECT_SECONDS, pause=0.05)

    async def begin(self) -> None:
        await self.connect(self.team, self.org)
        await self.all_read()
        await self.touch()
        await self.caught_up()

    async def leave(self) -> None:
        """Nothing of this run stays, but what is committed."""
        await self.lane.disconnect(*self.teams)
        for org in self.orgs:
            await self.lane.orgs.close(org)

    async def finish(self) -> None:
        """Everything is healed: how long until all is there."""
        await self.org.cease_faults()
        healed = asyncio.get_running_loop().time()
        await self.touch()
        try:
            await self.caught_up()
            self.recovery_seconds = asyncio.get_running_loop().time() - healed
        except TimeoutError:
            self.violations.append(f"does not recover within {self.patience_seconds:.0f} s")


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the test plan."""

    name: str
    title: str
    play: Callable[[Run], Awaitable[None]]
    """From the connected team to everything healed."""
    promise: Promise = field(default_factory=Promise)
    alone: bool = False
    """It harms the workers or the broker of its lane: no other run beside it."""
    broker: Literal["quick", "forgetful"] = "quick"
    connects: bool = True
    """Whether the run begins with a connected team that has read everything."""
    org: Mapping[str, Any] = field(default_factory=dict)
    """Settings of its org."""


@dataclass(frozen=True, slots=True)
class Outcome:
    row: str
    seed: int
    violations: tuple[str, ...]
    duplicates: int
    changes: int
    recovery_seconds: float | None
    peak_rss_mb: float
    faults: tuple[tuple[float, str], ...]

    def __str__(self) -> str:
        times = ", ".join(f"{seconds} s {what}" for seconds, what in self.faults)
        return f"{self.row} seed {self.seed}: {' | '.join(self.violations)} [{times}]"


async def play(lane: Lane, row: Row, seed: int, patience_seconds: float = CONVERGE_SECONDS) -> Run:
    """`patience_seconds`: after the last fault, until all must be there."""
    rng, users = random.Random(f"{row.name}:{seed}"), random.Random(f"users of {row.name}:{seed}")
    org = await lane.orgs.open(seed, **row.org)
    run = Run(row, seed, lane, org, f"{row.name.lower()}-{seed}", rng, users, patience_seconds, orgs=[org])
    if row.alone:
        lane.measure_anew()
    try:
        if row.alone:
            await lane.settle()
        if row.connects:
            await run.begin()
        await row.play(run)
        await run.finish()
    except* TimeoutError:
        run.violations.append("waits in vain: " + "; ".join(run.missing()[:3]))
    except* (OSError, AssertionError, LookupError, ClientError, KafkaError, Unavailable) as group:
        # Of the test itself: the other runs go on.
        run.violations.append(f"cannot be played: {group.exceptions!r}")
    finally:
        if row.alone:
            lane.heal()
            run.violations += lane.deaths()
    run.truth = await org.truth()
    run.peak_rss_mb = lane.peak_rss_mb
    await run.leave()
    return run


def outcome_of(run: Run) -> Outcome:
    """Once everything that is committed is known."""
    topics = run.lane.topics
    changes = topics.changes[run.team]
    found = judge(run.truth, changes, topics.positions[run.team], run.row.promise)
    found += [f"O9: {one}" for one in oversized(run.peak_rss_mb)]
    return Outcome(
        run.row.name,
        run.seed,
        (*run.violations, *found),
        len(duplicates(changes)),
        len(changes),
        run.recovery_seconds,
        run.peak_rss_mb,
        tuple(run.faults),
    )
