"""A team with scores, people and accounts in memory, an org that keeps a ledger of its Bulk jobs, and ways to die."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from inspect import iscoroutinefunction
from typing import Any, cast

from schemas.documents import Connection, Contribution, Member, WritebackRow, WritebackRun
from schemas.events import Entity
from tests.support.engagement import rescored
from tests.support.writeback_rows import kept_rows
from workers.adapters.memory.publisher import MemoryPublisher
from workers.adapters.memory.salesforce import MemoryOrg
from workers.adapters.memory.store import memory_store
from workers.insights.worker import Insights
from workers.ports import ChangeStream, IngestRow, Meter, RowOutcome, SalesforceOrg, Store

TEAM = "acme"
PREFIX: dict[Entity, str] = {"contact": "003", "lead": "00Q", "account": "001"}


def record_id(entity: Entity, number: int) -> str:
    return f"{PREFIX[entity]}{number:012d}AAA"


@dataclass
class FakeClock:
    ms: int = 1_795_000_000_000  # 2026-11-18, 11:06 UTC
    looks: int = 0

    def now_ms(self) -> int:
        self.looks += 1
        return self.ms


class Killed(Exception):
    """The process ends here."""


class BulkOrg(MemoryOrg):
    """Remembers what was uploaded to which job; "" for what was written without one."""

    def __init__(self) -> None:
        super().__init__()
        self.uploads: list[tuple[str, list[IngestRow]]] = []

    async def ingest_upload(
        self, job_id: str, columns: Sequence[str], pages: AsyncIterable[Sequence[IngestRow]]
    ) -> int:
        count = await super().ingest_upload(job_id, columns, pages)
        self.uploads.append((job_id, list(self._ingests[job_id].rows)))
        return count

    async def update_records(
        self, entity: Entity, rows: Sequence[Mapping[str, str | float | None]]
    ) -> list[RowOutcome]:
        saved = await super().update_records(entity, rows)
        told = [{name: "#N/A" if row[name] is None else str(row[name]) for name in row if name != "Id"} for row in rows]
        self.uploads.append(("", [IngestRow(str(row["Id"]), cells) for row, cells in zip(rows, told, strict=True)]))
        return saved

    @property
    def uploaded(self) -> dict[str, dict[str, str]]:
        """By record id, as last uploaded."""
        return {row.record_id: row.cells for _, rows in self.uploads for row in rows}

    @property
    def writes(self) -> Counter[str]:
        """How often each record was written."""
        written = [e.payload["ChangeEventHeader"]["recordIds"] for e in self.events_sent]
        return Counter(each for ids in written for each in ids)

    @property
    def left_open(self) -> list[str]:
        """Jobs that hold rows and that nobody will ever complete."""
        return [job_id for job_id, job in self._ingests.items() if job.state == "Open" and job.rows]

    def holds(self, entity: Entity, *numbers: int) -> None:
        for number in numbers:
            self.rows[entity][record_id(entity, number)] = {"Id": record_id(entity, number)}


@dataclass
class Rig:
    store: Store = field(default_factory=memory_store)
    org: BulkOrg = field(default_factory=BulkOrg)
    clock: FakeClock = field(default_factory=FakeClock)
    publisher: MemoryPublisher = field(default_factory=MemoryPublisher)

    def insights(
        self,
        store: Store | None = None,
        org: SalesforceOrg | None = None,
        clock: FakeClock | None = None,
        orgs: dict[str, SalesforceOrg] | None = None,
    ) -> Insights:
        by_team = orgs or {TEAM: org or self.org}
        return Insights(store or self.store, Orgs(by_team), self.publisher, clock or self.clock)

    async def connect(self, team: str = TEAM) -> None:
        connection = Connection(
            team=team,
            org_id="00D000000000001AAA",
            instance_url="https://acme.my.salesforce.com",
            login_url="https://login.salesforce.com",
            client_id="app",
            grant="client_credentials",
            secret="sealed",
            connected_at_ms=1,
        )
        assert not await self.store.connections.swap([connection])

    async def person(self, key: str, *records: tuple[Entity, int], score: float | None = None) -> None:
        """Known, with these source records; its records are in the org."""
        await self._member("person", key, records, score)

    async def account(self, key: str, *records: tuple[Entity, int], score: float | None = None) -> None:
        await self._member("account", key, records, score)

    async def _member(self, subject: str, key: str, records: Sequence[tuple[Entity, int]], score: float | None) -> None:
        for entity, number in records:
            self.org.holds(entity, number)
        contributions = {record_id(entity, number): Contribution(rev=1, entity=entity) for entity, number in records}
        members = self.store.people if subject == "person" else self.store.accounts
        assert not await members.swap([Member(team=TEAM, key=key, alive=True, contributions=contributions)])
        if score is not None:
            await self.score(subject, key, score)

    async def score(
        self, subject: str, key: str, score: float, at_ms: int | None = 86_400_000, scored_at_ms: int = 1
    ) -> None:
        await rescored(self.store, TEAM, subject, key, score, at_ms, scored_at_ms)

    async def write_back(self, *, again: bool = True) -> WritebackRun:
        self.clock.ms += 1
        (run,) = await self.insights().write_back(TEAM, again=again)
        return run

    async def rows(self, run: WritebackRun) -> dict[str, WritebackRow]:
        rows = await kept_rows(self.store, TEAM)
        return {row.record_id: row for row in rows if row.run_id == run.run_id}


class Orgs:
    """`SalesforceOrgs` over whatever stands for an org."""

    def __init__(self, orgs: dict[str, SalesforceOrg]) -> None:
        self._orgs = orgs

    def org(self, connection: Connection) -> SalesforceOrg:
        return self._orgs[connection.team]

    def stream(self, connection: Connection) -> ChangeStream:
        raise NotImplementedError

    def meters(self) -> Collection[Meter]:
        return ()


@dataclass
class Death:
    """Ends the process at the k-th call of anything, just before it takes effect or just after."""

    at: int
    after: bool
    calls: int = 0

    def around(self, target: Any) -> Any:
        return _Mortal(target, self)

    def store(self, store: Store) -> Store:
        documents = {
            each.name: self.around(getattr(store, each.name))
            for each in fields(store)
            if not each.name.endswith("_queries")
        }
        return replace(store, **documents)

    def org(self, org: BulkOrg) -> SalesforceOrg:
        return cast("SalesforceOrg", self.around(org))


class _Mortal:
    def __init__(self, target: Any, death: Death) -> None:
        self._target = target
        self._death = death

    def __getattr__(self, name: str) -> Any:
        call: Callable[..., Any] = getattr(self._target, name)
        if not iscoroutinefunction(call):
            return call

        async def mortal(*arguments: Any) -> Any:
            self._death.calls += 1
            doomed = self._death.calls == self._death.at
            if (doomed and not self._death.after) or 0 < self._death.at < self._death.calls:
                raise Killed  # the dead make no calls: neither does another task of the process
            result = await call(*arguments)
            if doomed:
                raise Killed
            return result

        return mortal
