"""Compares one list with the org, repairs what differs, and tells what it found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence

import structlog

from schemas.documents import ListDefinition, Record, RuleSet
from workers.capture.committer import Submission
from workers.capture.jobfile import JobFile
from workers.capture.lists.asker import Asker, answer
from workers.capture.lists.definitions import renewed, store_list
from workers.capture.lists.reading import list_ids
from workers.capture.mirror.readings import Readings
from workers.core.capture.reconciling import after_all_known, missed_fields
from workers.core.capture.sweeping import Ids
from workers.core.lists.comparing import Difference, Findings, Remedy, is_young, remedy
from workers.core.lists.queries import ListQuery, NoQuery, list_query
from workers.core.lists.scheduling import lists_in_use
from workers.ports import Refused
from workers.runtime.edits import rule_set_of
from workers.runtime.lists import evaluated_by_org
from workers.runtime.relations import account_of

log = structlog.get_logger()

PAGE_IDS = 5_000
"""Of what we say that the list holds: some 100 KB."""

SETTLED_AT_ONCE = 1_000
"""Differing records loaded together."""

MOST_REREAD = 10_000
"""Records in one comparison: 50 calls. Whatever is left is found again by the next one."""

DISTRUST = (
    "its filter was evaluated here otherwise than by Salesforce, twice in a row (for example {examples}): "
    "Salesforce is asked instead"
)


class ListComparison:
    """Works on the state of the moment, so that it may be repeated from the start at any time.

    Not by merging two sorted readings: how Salesforce sorts ids is not documented, and a Bulk query need not sort. Both
    sides are kept as hashes, eight bytes for each id.
    """

    def __init__(self, readings: Readings, asker: Asker, file: JobFile) -> None:
        self._readings = readings
        self._asker = asker
        self._file = file
        self._team = readings.team
        self._context = readings.context
        self._store = readings.context.store

    async def run(self) -> None:
        """Raises Unavailable, Refused and QueryFailed."""
        began_ms = self._context.clock.now_ms()
        list_id = self._file.request.list_id or ""
        rule_set = await rule_set_of(self._store, self._team)
        if list_id not in lists_in_use(rule_set):
            await self._end(began_ms, "done", "no rule uses the list")
            return
        definition = await renewed(self._readings, rule_set.lists[list_id])
        if definition.trouble:
            await self._end(began_ms, "failed", definition.trouble)
            return
        found = await self._compare(definition, began_ms)
        if found.drifted:
            log.error("list drifted", team=self._team, list=list_id, examples=found.examples, **found.report())
        if found.done["unexplained"] and self._file.job.report.get("unexplained"):
            await self._distrust(definition, found)
        examples = f"for example {', '.join(found.examples)}" if found.examples else None
        await self._end(began_ms, "done", examples, found)

    async def _end(self, began_ms: int, state: str, detail: str | None, found: Findings | None = None) -> None:
        now_ms = self._context.clock.now_ms()
        update: dict[str, object] = {"state": state, "detail": detail, "finished_at_ms": now_ms}
        if found is not None:
            report = {**found.report(), "duration_ms": now_ms - began_ms}
            update |= {"report": report, "done": found.rows, "total": found.rows}
        await self._file.write(**update)

    async def _distrust(self, definition: ListDefinition, found: Findings) -> None:
        """Ours is wrong twice running: the org's answers are to be had, at the price of its calls."""
        reason = DISTRUST.format(examples=", ".join(found.examples))
        doubted = definition.model_copy(update={"distrust": reason, "fetched_at_ms": self._context.clock.now_ms()})
        await store_list(self._readings, doubted, f"list “{definition.label}”: {reason}")

    async def _compare(self, definition: ListDefinition, began_ms: int) -> Findings:
        try:
            query = list_query(definition.query)
        except NoQuery as error:
            raise Refused(f"list “{definition.label}” cannot be compared with Salesforce: {error}") from error
        rule_set = await rule_set_of(self._store, self._team)
        settling = _Settling(self._readings, self._asker, definition, rule_set, began_ms)
        theirs = await self._missing(query, definition.list_id, settling)
        await self._extra(theirs, definition.list_id, settling)
        settling.findings.rows = len(theirs)
        return settling.findings

    async def _missing(self, query: ListQuery, list_id: str, settling: _Settling) -> Ids:
        """What only the org's list holds; returns what it holds."""
        ours, theirs = Ids(), Ids()
        async for page in self._ours(list_id):
            for record_id in page:
                ours.add(record_id)
        waiting: list[str] = []
        async for record_id in list_ids(self._readings.org, query, self._context.pace):
            theirs.add(record_id)
            if record_id not in ours:
                waiting.append(record_id)
            if len(waiting) == SETTLED_AT_ONCE:
                await settling.settle(waiting, listed=True)
                await self._file.write(state="running", done=len(theirs))
                waiting = []
        await settling.settle(waiting, listed=True)
        return theirs

    async def _extra(self, theirs: Ids, list_id: str, settling: _Settling) -> None:
        async for page in self._ours(list_id):
            await settling.settle([record_id for record_id in page if record_id not in theirs], listed=False)

    async def _ours(self, list_id: str) -> AsyncIterator[list[str]]:
        after = ""
        while page := await self._store.record_queries.in_list(self._team, list_id, after, PAGE_IDS):
            yield page
            after = page[-1]


class _Settling:
    """What is done about records that the two sides disagree about."""

    def __init__(
        self, readings: Readings, asker: Asker, definition: ListDefinition, rule_set: RuleSet, began_ms: int
    ) -> None:
        self._readings = readings
        self._asker = asker
        self._context = readings.context
        self._definition = definition
        self._rule_set = rule_set
        self._began_ms = began_ms
        self._by_org = evaluated_by_org(definition, began_ms)
        self._left_to_reread = MOST_REREAD
        self.findings = Findings()

    async def settle(self, record_ids: Sequence[str], *, listed: bool) -> None:
        """`listed`: whether the org's list holds them; ours says the opposite."""
        if not record_ids:
            return
        keys = [(self._readings.team, record_id) for record_id in record_ids]
        stored = await self._context.store.records.load(keys)
        found = Difference(self._definition.list_id, listed, self._by_org, self._began_ms, self._rule_set.version)
        by_remedy: dict[Remedy, list[str]] = defaultdict(list)
        now_ms = self._context.clock.now_ms()
        for team, record_id in keys:
            by_remedy[remedy(stored.get((team, record_id)), found, now_ms)].append(record_id)
        records = {record_id: record for (_, record_id), record in stored.items()}
        await self._let_accounts_settle(by_remedy, records)
        self.findings.done["waiting"] += len(by_remedy["wait"])
        await self._answer([records[each] for each in by_remedy["answer"]], listed=listed)
        await self._ask([records[each] for each in by_remedy["ask"]])
        await self._reread(by_remedy["reread"], records, listed=listed)

    async def _let_accounts_settle(self, by_remedy: dict[Remedy, list[str]], records: dict[str, Record]) -> None:
        """A contact may be on its way to another verdict because its account has just changed."""
        known = [records[one] for one in by_remedy["reread"] if one in records]
        accounts = {record.record_id: key for record in known if (key := account_of(record)) is not None}
        stored = await self._context.store.records.load(set(accounts.values())) if accounts else {}
        changing = {key for key, account in stored.items() if is_young(account, self._began_ms)}
        young = {one for one, key in accounts.items() if key in changing}
        by_remedy["reread"] = [one for one in by_remedy["reread"] if one not in young]
        by_remedy["wait"] += sorted(young)

    def _count(self, listed: bool, number: int) -> None:
        if listed:
            self.findings.missing += number
        else:
            self.findings.extra += number

    async def _answer(self, records: Sequence[Record], *, listed: bool) -> None:
        if records:
            given = {self._definition.list_id: listed}
            await self._context.publisher.reevaluations([answer(record, given) for record in records])
            self.findings.done["answered"] += len(records)

    async def _ask(self, records: Sequence[Record]) -> None:
        if records:
            answered = await self._asker.ask(records, self._rule_set, self._definition.list_id)
            self.findings.done["answered"] += answered

    async def _reread(self, record_ids: Sequence[str], known: dict[str, Record], *, listed: bool) -> None:
        """A record that we have in the same state as the org is one that we evaluate otherwise."""
        entity, team = self._definition.entity, self._readings.team
        if self._context.committer.position(team, entity).snapshot.state != "done":
            self.findings.done["waiting"] += len(record_ids)  # for the first import
            return
        self._count(listed, len(record_ids))
        record_ids = record_ids[: self._left_to_reread]
        self._left_to_reread -= len(record_ids)
        found = await self._readings.rereader.read_within_budget(entity, record_ids)
        changes = [
            after_all_known(known[change.record_id], change) if change.record_id in known else change
            for change in found.changes
        ]
        await self._context.committer.commit(Submission(team, tuple(changes), (), tuple(found.parked)))
        now_ms, stamped = self._context.clock.now_ms(), self._readings.described.stamped(entity)
        for change in found.changes:
            record = known.get(change.record_id)
            missed = record is None or not record.alive or bool(missed_fields(record, change, now_ms, stamped))
            self.findings.drift("repaired" if missed else "unexplained", change.record_id)
        self.findings.done["vanished"] += len(found.vanished)
