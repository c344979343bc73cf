"""Asks the org about changed records in lists that only it can evaluate; routing is told what it answered.

Crash-safe because the question stays in the record (`Record.answers_due`) until routing has written the answer.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Container, Sequence
from dataclasses import dataclass, field

import structlog

from schemas.documents import ListDefinition, Record, RuleSet
from schemas.events import Reevaluation, Version
from workers.capture import metrics
from workers.capture.allowance import within_budget
from workers.capture.lists.reading import list_ids
from workers.capture.mirror.queries import QueryFailed
from workers.capture.mirror.readings import Readings
from workers.capture.pace import Backoff
from workers.core.capture.sweeping import Ids
from workers.core.lists.comparing import is_young
from workers.core.lists.queries import ListQuery, NoQuery, list_query
from workers.core.merge import latest_version
from workers.ports import Refused, Unavailable
from workers.runtime.edits import rule_set_of
from workers.runtime.lists import ask_for_comparison

log = structlog.get_logger()

PAGE_RECORDS = 2_000
"""Looked at in one go: ten queries. Of a list about which all of them ask, everything is read instead: an import of a
million records would cost 5,000 calls."""

ANSWER_SECONDS = 30.0
"""Until a question that is still there is asked again: routing needs less to write an answer."""

LONG_LIST_SECONDS = 600.0
"""Between two readings of a list whose conditions leave no room for ids in a query: each is a Bulk job."""


@dataclass(slots=True)
class _Whole:
    began_ms: int
    held: Ids = field(default_factory=Ids)


class Asker:
    def __init__(self, readings: Readings) -> None:
        self._readings = readings
        self._team = readings.team
        self._context = readings.context
        self._asked: dict[str, tuple[Version | None, float]] = {}
        self._whole: dict[str, _Whole] = {}
        """Lists that were read whole in this round."""
        self._not_before: dict[str, float] = {}
        """By list id: not to be asked until then."""

    async def run(self) -> None:
        """For ever."""
        backoff = Backoff(self._context.pace.backoff_base_seconds, self._context.pace.failed_query_cap_seconds)
        while True:
            await self._context.bells.questions.heard(self._team)
            try:
                await self._round()
                backoff.reset()
            except (Unavailable, QueryFailed) as error:
                log.warning("questions about lists wait", team=self._team, reason=str(error))
                await backoff.pause()

    async def _round(self) -> None:
        """Every question that is open, once. Raises Unavailable and QueryFailed."""
        rule_set, after = await rule_set_of(self._context.store, self._team), ""
        self._forget_old()
        self._whole.clear()
        while page := await self._context.store.record_queries.asking(self._team, after, PAGE_RECORDS):
            after = page[-1].record_id
            if fresh := [record for record in page if self._is_news(record)]:
                await self.ask(fresh, rule_set)

    async def ask(self, records: Sequence[Record], rule_set: RuleSet, list_id: str | None = None) -> int:
        """Have routing told whether the lists hold the records, those that are due or the one given; how many answers.

        What a record was when it was loaded must be its state before this call. Raises Unavailable and QueryFailed.
        """
        answers: dict[str, dict[str, bool]] = defaultdict(dict)
        for asked_id, asking in _by_list(records, list_id).items():
            held = await self._held(rule_set.lists.get(asked_id), asking)
            if held is not None:
                for record in asking:
                    answers[record.record_id][asked_id] = record.record_id in held
        commands = [answer(record, given) for record in records if (given := answers.get(record.record_id))]
        if commands:
            await self._context.publisher.reevaluations(commands)
            metrics.LIST_ANSWERS.inc(len(commands))
        now = asyncio.get_running_loop().time()
        self._asked |= {record.record_id: (latest_version(record), now) for record in records}
        return len(commands)

    def _is_news(self, record: Record) -> bool:
        return self._asked.get(record.record_id, (None, 0.0))[0] != latest_version(record)

    def _forget_old(self) -> None:
        since = asyncio.get_running_loop().time() - ANSWER_SECONDS
        self._asked = {record_id: asked for record_id, asked in self._asked.items() if asked[1] > since}

    async def _held(self, definition: ListDefinition | None, records: Sequence[Record]) -> Container[str] | None:
        """Those of the records that the list holds; None: that cannot be asked now."""
        now = asyncio.get_running_loop().time()
        if definition is None or self._not_before.get(definition.list_id, 0.0) > now:
            return None
        try:
            query = list_query(definition.query)
            if query.most_ids == 0:
                self._not_before[definition.list_id] = now + LONG_LIST_SECONDS
            return await self._among(definition.list_id, query, records)
        except (Refused, NoQuery) as error:
            # Its comparison finds out what is wrong with the list, and says so in the rule.
            log.warning("list refused", team=self._team, list=definition.list_id, reason=str(error))
            self._not_before[definition.list_id] = now + LONG_LIST_SECONDS
            await ask_for_comparison(self._context.store.jobs, self._team, definition, self._context.clock.now_ms())
            return None

    async def _among(self, list_id: str, query: ListQuery, records: Sequence[Record]) -> Container[str]:
        """The whole list, once read, tells of every record that had settled by then."""
        whole = self._whole.get(list_id)
        if whole is None:
            if query.most_ids == 0 or len(records) >= PAGE_RECORDS:
                return (await self._read_whole(list_id, query)).held
            return await self._some_of(query, [record.record_id for record in records])
        young = [record.record_id for record in records if is_young(record, whole.began_ms)]
        settled = {record.record_id for record in records}.difference(young)
        held = {record_id for record_id in settled if record_id in whole.held}
        return held | await self._some_of(query, young)

    async def _some_of(self, query: ListQuery, record_ids: Sequence[str]) -> set[str]:
        held: set[str] = set()
        for start in range(0, len(record_ids), query.most_ids):
            await within_budget(self._readings.org, self._context.pace)
            rows = await self._readings.org.query(query.among(record_ids[start : start + query.most_ids]))
            held |= {str(row["Id"]) for row in rows}
        return held

    async def _read_whole(self, list_id: str, query: ListQuery) -> _Whole:
        await within_budget(self._readings.org, self._context.pace)
        whole = self._whole[list_id] = _Whole(self._context.clock.now_ms())
        try:
            async for record_id in list_ids(self._readings.org, query, self._context.pace):
                whole.held.add(record_id)
        except BaseException:
            del self._whole[list_id]
            raise
        return whole


def _by_list(records: Sequence[Record], list_id: str | None) -> dict[str, list[Record]]:
    asking: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        for due in record.answers_due if list_id is None else (list_id,):
            asking[due].append(record)
    return asking


def answer(record: Record, given: dict[str, bool]) -> Reevaluation:
    """Routing drops it when the record has changed since it was loaded."""
    return Reevaluation(
        team=record.team,
        entity=record.entity,
        record_id=record.record_id,
        reason="list",
        answers=given,
        answers_for=latest_version(record),
    )
