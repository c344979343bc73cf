"""What a CRM tells, as changes, and the rules of the teams that listen."""

from __future__ import annotations

from typing import Any, Literal

from schemas.documents import Destination, FieldMapping, ListDefinition, Rule, RuleSet
from schemas.events import Change, Entity, Origin, Reevaluation, Version
from workers.core.origin import CLIENT_NAME

Kind = Literal["create", "update", "delete", "undelete", "snapshot"]
PREFIXES: dict[str, Entity] = {"003": "contact", "00Q": "lead", "001": "account"}


def record_id(entity: Entity, number: int = 1) -> str:
    prefix = next(prefix for prefix, of in PREFIXES.items() if of == entity)
    return f"{prefix}{number:012d}AAA"


JOE, ANN = record_id("contact", 1), record_id("contact", 2)
JOES_LEAD = record_id("lead", 1)
ACME, BETA = record_id("account", 1), record_id("account", 2)


def change(of: str, kind: Kind, at: int, team: str = "acme", **fields: Any) -> Change:
    return Change(
        team=team,
        entity=PREFIXES[of[:3]],
        record_id=of,
        kind=kind,
        version=Version(at, 1, 1),
        fields=fields,
        captured_at_ms=at,
    )


def written_back(of: str, at: int, team: str = "acme", score: float = 1.0, **by_a_trigger: Any) -> Change:
    """What comes back of a score of ours, with what a trigger changed in the same transaction."""
    caused = change(of, "update", at, team, Engagement_Score__c=score, LastModifiedDate=f"{at}", **by_a_trigger)
    return caused.model_copy(update={"origin": Origin(client=CLIENT_NAME)})


def command(of: str, team: str = "acme") -> Reevaluation:
    return Reevaluation(team=team, entity=PREFIXES[of[:3]], record_id=of, reason="drift")


def city_list(entity: Entity, city: str) -> ListDefinition:
    where = {"field": "City", "operator": "equals", "values": [f"'{city}'"]}
    return ListDefinition(
        list_id=f"{entity}-{city}", entity=entity, label=city, scope="everything", where=where, fetched_at_ms=0
    )


def rule(entity: Entity, city: str, segment: str | None, *, active: bool = True) -> Rule:
    destination = Destination(kind="only") if segment is None else Destination(kind="segment", segment_id=segment)
    return Rule(
        rule_id=f"{entity}-{city}-{segment}",
        entity=entity,
        list_ids=(f"{entity}-{city}",),
        destination=destination,
        active=active,
        created_at_ms=0,
    )


AT_FIRMS_IN_ROME = city_list("contact", "Rome").model_copy(
    update={
        "list_id": "contact-at-Rome",
        "where": {"field": "Account.City", "operator": "equals", "values": ["'Rome'"]},
    }
)
OF_ANN = city_list("contact", "Ann").model_copy(
    update={
        "list_id": "contact-of-Ann",
        "where": {"field": "Owner.Name", "operator": "equals", "values": ["'Ann'"]},
        "query": "SELECT Name FROM Contact WHERE Owner.Name = 'Ann' ORDER BY Name ASC NULLS FIRST, Id ASC NULLS FIRST",
    }
)
"""Only the org can tell whom it holds."""

LISTS = {
    each.list_id: each
    for each in (
        *(city_list(entity, city) for entity in PREFIXES.values() for city in ("Oslo", "Bergen", "Rome")),
        AT_FIRMS_IN_ROME,
        OF_ANN,
    )
}
RULES = (
    rule("contact", "Oslo", "north"),
    rule("contact", "Bergen", "west"),
    rule("lead", "Oslo", "north"),
    rule("account", "Oslo", "firms"),
)
MAPPINGS: dict[Entity, tuple[FieldMapping, ...]] = {
    "contact": (FieldMapping(source="Title", target="title"),),
    "lead": (FieldMapping(source="Title", target="title"),),
    "account": (FieldMapping(source="Name", target="name"),),
}


def rule_set(*rules: Rule, team: str = "acme", version: int = 1) -> RuleSet:
    return RuleSet(team=team, version=version, rules=rules, lists=LISTS, mappings=MAPPINGS)
