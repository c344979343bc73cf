"""Looks at a team's org as its connected user sees it, for the checks of `workers.core.preflight`."""

from __future__ import annotations

from schemas.documents import CheckResult, RuleSet
from schemas.events import ENTITIES, Entity
from workers.core.lists.predicates import ACCOUNT, tested_fields
from workers.core.preflight import Finding, Observed, findings
from workers.ports import Refused, SalesforceOrg, Store


async def check(store: Store, org: SalesforceOrg, team: str) -> list[Finding]:
    """All findings, fine ones too. Raises Unavailable."""
    rule_set = (await store.rule_sets.load([(team, team)])).get((team, team)) or RuleSet(team=team)
    try:
        observed = await observe(org, rule_set)
    except Refused as error:
        observed = Observed(refused=str(error))
    return findings(observed)


async def observe(org: SalesforceOrg, rule_set: RuleSet) -> Observed:
    """Some ten calls. Raises Unavailable, and Refused when the org does not take calls at all."""
    return Observed(
        allowances=await org.allowances(),
        selected=await org.selected_for_events(),
        access=await org.object_access(),
        readable={entity: await _readable(org, entity) for entity in ENTITIES},
        needed={entity: needed_fields(rule_set, entity) for entity in ENTITIES},
        lists={entity: await _number_of_lists(org, entity) for entity in ENTITIES},
    )


async def _readable(org: SalesforceOrg, entity: Entity) -> frozenset[str] | None:
    try:
        return frozenset(field.name for field in await org.fields(entity))
    except Refused:
        return None


async def _number_of_lists(org: SalesforceOrg, entity: Entity) -> int:
    try:
        return len(await org.lists(entity))
    except Refused:
        return 0


def needed_fields(rule_set: RuleSet, entity: Entity) -> frozenset[str]:
    """The entity's fields that mappings and the lists of active rules read; of accounts also through their contacts."""
    own = {name for name in _used(rule_set, entity) if "." not in name}
    if entity == "account":
        read = _used(rule_set, "contact")
        own |= {name.removeprefix(ACCOUNT) for name in read if name.startswith(ACCOUNT)}
    return frozenset(own)


def _used(rule_set: RuleSet, entity: Entity) -> set[str]:
    mapped = {source for mapping in rule_set.mappings.get(entity, ()) for source in mapping.sources}
    used = {list_id for rule in rule_set.rules if rule.active and rule.entity == entity for list_id in rule.list_ids}
    return mapped | {
        name for list_id in used & rule_set.lists.keys() for name in tested_fields(rule_set.lists[list_id].where)
    }


def as_result(finding: Finding) -> CheckResult:
    return CheckResult(
        check=finding.check,
        outcome=finding.outcome,
        says=finding.says,
        remedy=finding.remedy,
        entity=finding.entity,
    )
