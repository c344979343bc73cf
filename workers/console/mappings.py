"""Which Salesforce fields fill which fields of a person or account."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from schemas.documents import FieldMapping, RuleSet
from schemas.events import Entity
from workers.core.mapping import DEFAULT_MAPPINGS
from workers.ports import FieldInfo, Refused, SalesforceOrg, Store
from workers.runtime.edits import By, edit_rule_set


async def map_fields(
    store: Store, org: SalesforceOrg, team: str, entity: Entity, sources: Mapping[str, str], by: By
) -> tuple[FieldMapping, ...]:
    """Add or replace mappings, given as target -> source; E-mail and Domain stay mapped as they are.

    Raises Refused for a field that the connected user cannot read and for a target that is taken or no valid name.
    """
    readable = {each.name: each for each in await org.fields(entity)}
    added = tuple(mapping_of(entity, readable, target, source) for target, source in sources.items())

    what = f"{entity} fields mapped: " + ", ".join(f"{target} from {source}" for target, source in sources.items())

    def edit(rule_set: RuleSet) -> tuple[RuleSet, tuple[FieldMapping, ...], str]:
        kept = tuple(each for each in rule_set.mappings.get(entity, ()) if each.target not in sources)
        mappings = (*kept, *added)
        return rule_set.model_copy(update={"mappings": rule_set.mappings | {entity: mappings}}), mappings, what

    return await edit_rule_set(store, team, edit, by)


def mapping_of(entity: Entity, readable: Mapping[str, FieldInfo], target: str, source: str) -> FieldMapping:
    if source not in readable or readable[source].compound:
        raise Refused(
            f"the connected user can read no {entity} field {source}: check its API name, and ask a Salesforce "
            f"administrator for read access to it (field-level security)"
        )
    if target in {each.target for each in DEFAULT_MAPPINGS[entity]}:
        raise Refused(f"{target} is always mapped from {DEFAULT_MAPPINGS[entity][0].source}: choose another target")
    try:
        return FieldMapping(source=source, target=target)
    except ValidationError:
        raise Refused(f"{target} is no field name: lower-case letters, digits and _, starting with a letter") from None
