"""The compiled rule set of each team, at its current version."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping

from schemas.documents import RuleSet
from workers.core.evaluation import CompiledRuleSet, compile_rule_set
from workers.core.lists.predicates import UnsupportedCondition
from workers.ports import Refused, Store

CACHED_TEAMS = 1000
"""Compiled rule sets kept: tens of kilobytes each, and a partition rarely sees more teams than this in a minute."""


class RuleSets:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._compiled: OrderedDict[str, CompiledRuleSet] = OrderedDict()

    async def current(self, teams: Collection[str], now_ms: int) -> dict[str, CompiledRuleSet]:
        """One small query when nothing changed; a team without a rule set has one that imports nothing."""
        versions = await self._store.rule_set_queries.versions(teams)
        fresh = {
            team: kept
            for team in teams
            if (kept := self._compiled.get(team)) is not None and _holds(kept, versions.get(team, 0), now_ms)
        }
        stale = [(team, team) for team in teams if team not in fresh]
        loaded = await self._store.rule_sets.load(stale) if stale else {}
        compiled = {team: compiled_for(loaded.get((team, team)) or RuleSet(team=team), now_ms) for team, _ in stale}
        self._keep(fresh | compiled)
        return fresh | compiled

    async def outdated(self, used: Mapping[str, CompiledRuleSet]) -> set[str]:
        """Teams whose rule set was edited since it was used: what was written under the old one must be redone."""
        versions = await self._store.rule_set_queries.versions(used)
        return {team for team, compiled in used.items() if versions.get(team, 0) != compiled.version}

    def _keep(self, used: Mapping[str, CompiledRuleSet]) -> None:
        for team, compiled in used.items():
            self._compiled[team] = compiled
            self._compiled.move_to_end(team)
        while len(self._compiled) > CACHED_TEAMS:
            self._compiled.popitem(last=False)


def _holds(compiled: CompiledRuleSet, version: int, now_ms: int) -> bool:
    return compiled.version == version and (compiled.valid_until_ms is None or now_ms < compiled.valid_until_ms)


def compiled_for(rule_set: RuleSet, now_ms: int) -> CompiledRuleSet:
    """A rule set that cannot be compiled was saved by another version of the program: its own team's changes are
    parked until it is mended, nobody else's."""
    try:
        return compile_rule_set(rule_set, now_ms)
    except UnsupportedCondition as error:
        raise Refused(f"the rules of team {rule_set.team} cannot be applied: {error}") from error
