"""Of the records left behind by an edit of the rules, those to which it makes no difference need no command.

Who is told the same by the new rules as by the last evaluation has been told, or will be: that evaluation's message is
acknowledged once it has been, and comes again until then. So only the version is noted here, at the same revision of
the record; nothing else of it changes, and nobody hears of it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from schemas.documents import Record
from workers.core.evaluation import CompiledRuleSet, Related
from workers.ports import Refused, Store
from workers.runtime.apply import Work, evaluated
from workers.runtime.relations import Relations
from workers.runtime.rule_sets import RuleSets

AT_ONCE = 500
"""As many as routing evaluates between two turns of the event loop."""

SAMPLE = 100

WORTHWHILE = 0.75
"""The share of those concerned above which looking (70 us a record, all processes together) costs more than it spares
(300 us for each that need not be commanded)."""


class Sieve:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._relations = Relations(store)
        self._rule_sets = RuleSets(store)

    async def sift(self, team: str, record_ids: Sequence[str], now_ms: int) -> set[str]:
        """Those that are to be commanded: all, where the first of them show that it hardly pays to look at each. Raises
        Unavailable."""
        sample, others = record_ids[:SAMPLE], record_ids[SAMPLE:]
        concerned = await self._sift(team, sample, now_ms)
        if len(concerned) > WORTHWHILE * len(sample):
            return concerned.union(others)
        for start in range(0, len(others), AT_ONCE):
            concerned |= await self._sift(team, others[start : start + AT_ONCE], now_ms)
        return concerned

    async def _sift(self, team: str, record_ids: Collection[str], now_ms: int) -> set[str]:
        try:
            rules = (await self._rule_sets.current([team], now_ms))[team]
            found = await self._store.records.load([(team, record_id) for record_id in record_ids])
        except Refused:
            return set(record_ids)  # each of their commands is parked with the reason
        related = await self._relations.of(found, {team: rules})
        unconcerned = [record for key, record in found.items() if says_the_same(record, related[key], rules)]
        await self._store.records.note_unchanged(unconcerned, rules.version)
        return set(record_ids) - {record.record_id for record in unconcerned}


def says_the_same(record: Record, related: Related, rules: CompiledRuleSet) -> bool:
    """Whether these rules make nothing else of the record than those that it was last evaluated under."""
    after, _ = evaluated(record, record, Work(commanded=True), related, rules)
    return after.model_copy(update={"rule_set_version": record.rule_set_version}) == record
