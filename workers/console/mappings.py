"""Which Salesforce fields fill which fields of a person or account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from schemas.documents import FieldMapping, Preference, RuleSet, TargetType
from schemas.events import Entity
from workers.core.fields import HOLDS, Constant, fault_of_target, fault_of_type, parse_constant, subject_of
from workers.core.lists.predicates import ACCOUNT
from workers.core.mapping import IDENTITY
from workers.ports import FieldInfo, Refused, SalesforceOrg
from workers.runtime.edits import RuleSetEdit

Readable = Mapping[str, FieldInfo]
"""By API name, those of a contact's account as `Account.Name`."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A mapping as somebody asks for it."""

    target: str
    sources: tuple[str, ...] = ()
    """The first that is not empty fills the target."""
    constant: str | None = None
    """Fills it when all of them are empty."""
    type: TargetType | None = None
    """None: as the other kind of record has it, else what the first source holds."""
    prefer: Preference | None = None
    """None: as it is, else `most_recent`."""


async def readable_fields(org: SalesforceOrg, entity: Entity) -> dict[str, FieldInfo]:
    """What can be mapped: every field that the connected user can read, also of a contact's account."""
    found = {each.name: each for each in await org.fields(entity)}
    if entity == "contact":
        found |= {ACCOUNT + each.name: each for each in await org.fields("account")}
    return {name: each for name, each in found.items() if each.type in HOLDS and not each.compound}


def mapping_fields(
    entity: Entity, wanted: Sequence[Wanted], readable: Readable
) -> RuleSetEdit[tuple[FieldMapping, ...]]:
    """Add mappings, or replace those of the same targets. What decides between records that disagree holds for the
    target, whichever entity fills it.

    Raises Refused, naming the field.
    """

    def edit(rule_set: RuleSet) -> tuple[RuleSet, tuple[FieldMapping, ...], str]:
        added = tuple(_mapping(entity, each, readable, rule_set) for each in wanted)
        prefers = {each.target: each.prefer for each in added}
        mappings = dict(rule_set.mappings)
        for other in subject_of(entity):
            mappings[other] = tuple(
                each.model_copy(update={"prefer": prefers.get(each.target, each.prefer)})
                for each in rule_set.mappings.get(other, ())
                if other != entity or each.target not in prefers
            )
        mappings[entity] = (*mappings[entity], *added)
        what = f"{entity} fields mapped: " + ", ".join(map(told, added))
        return rule_set.model_copy(update={"mappings": mappings}), mappings[entity], what

    return edit


def unmapping_fields(entity: Entity, targets: Sequence[str]) -> RuleSetEdit[tuple[FieldMapping, ...]]:
    """Take mappings away: the fields are cleared. Raises Refused for one that is not mapped, or always is."""

    def edit(rule_set: RuleSet) -> tuple[RuleSet, tuple[FieldMapping, ...], str]:
        mapped = rule_set.mappings.get(entity, ())
        for target in targets:
            if target == IDENTITY[entity][1]:
                raise Refused(f"{target} is always mapped, since it tells who somebody is: it cannot be taken away")
            if target not in {each.target for each in mapped}:
                raise Refused(f"{target} is not mapped for {entity}s: `segment-sync mappings list` shows what is")
        kept = tuple(each for each in mapped if each.target not in targets)
        after = rule_set.model_copy(update={"mappings": rule_set.mappings | {entity: kept}})
        return after, kept, f"{entity} fields no longer mapped: {', '.join(targets)}"

    return edit


def _mapping(entity: Entity, wanted: Wanted, readable: Readable, rule_set: RuleSet) -> FieldMapping:
    target = wanted.target
    _refuse_identity(entity, target)
    if (fault := fault_of_target(target)) is not None:
        raise Refused(f"target field {target[:80]!r}: {fault}")
    if not wanted.sources and wanted.constant is None:
        raise Refused(f"target field {target}: name a Salesforce field or a constant that fills it")
    if wanted.prefer == "contact_over_lead" and entity == "account":
        raise Refused(f"target field {target}: only people are filled by contacts and leads, accounts by accounts")
    held = [_held(entity, source, readable) for source in wanted.sources]
    kind = wanted.type or _type_elsewhere(rule_set, entity, target) or (held[0] if held else "text")
    for source, holds in zip(wanted.sources, held, strict=True):
        if (fault := fault_of_type(holds, kind)) is not None:
            raise Refused(f"{source} holds {holds} and cannot fill {target}, which holds {kind}: {fault}")
    if (other := _type_elsewhere(rule_set, entity, target)) not in (None, kind):
        raise Refused(f"{target} of a person holds {other}, since contacts and leads both fill it: it cannot be {kind}")
    return FieldMapping(
        source=wanted.sources[0] if wanted.sources else None,
        target=target,
        fallbacks=wanted.sources[1:],
        constant=_constant(target, wanted.constant, kind),
        type=kind,
        prefer=wanted.prefer or _prefer_now(rule_set, entity, target),
    )


def _refuse_identity(entity: Entity, target: str) -> None:
    source, identity = IDENTITY[entity]
    if target == identity:
        raise Refused(f"{target} is always mapped from {source}: choose another target")


def _held(entity: Entity, source: str, readable: Readable) -> TargetType:
    if "." in source and not (entity == "contact" and source.startswith(ACCOUNT)):
        related = "a contact's account can fill one, as Account.Industry does" if entity == "contact" else "none can"
        raise Refused(f"{source[:80]} is a field of a related record: of those, {related}")
    if source not in readable:
        raise Refused(
            f"the connected user can read no {entity} field {source[:80]}: check its API name (of an address or a name "
            "map the parts, such as MailingCity), and ask a Salesforce administrator for read access to it "
            "(field-level security)"
        )
    return HOLDS[readable[source].type]


def _type_elsewhere(rule_set: RuleSet, entity: Entity, target: str) -> TargetType | None:
    """Of a person's field, which the other kind of record fills too."""
    others = [each for other in subject_of(entity) - {entity} for each in rule_set.mappings.get(other, ())]
    return next((each.type for each in others if each.target == target), None)


def _prefer_now(rule_set: RuleSet, entity: Entity, target: str) -> Preference:
    known = [each for of in subject_of(entity) for each in rule_set.mappings.get(of, ())]
    return next((each.prefer for each in known if each.target == target), "most_recent")


def _constant(target: str, text: str | None, kind: TargetType) -> Constant | None:
    try:
        return None if text is None else parse_constant(text, kind)
    except ValueError as error:
        raise Refused(f"the constant {text!r} cannot fill {target}, which holds {kind}: {error}") from None


def told(mapping: FieldMapping) -> str:
    """E.g. "country from MailingCountry, else Account.BillingCountry, else 'Norway'"."""
    parts = [*mapping.sources, *([] if mapping.constant is None else [repr(mapping.constant)])]
    return f"{mapping.target} from {', else '.join(parts)}"
