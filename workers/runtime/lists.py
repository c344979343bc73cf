"""List views as the org describes them, and the jobs that compare them with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.documents import Job, ListDefinition, ReadRequest
from schemas.events import Entity
from workers.core.lists.comparing import comparison_id
from workers.core.lists.days import Calendar
from workers.core.lists.operators import Reading
from workers.core.lists.predicates import ACCOUNT, CompiledList, UnsupportedCondition, compile_list, tested_fields
from workers.core.lists.queries import NoQuery, list_query
from workers.ports import Documents, ListInfo, SalesforceOrg

NO_CONDITION: Mapping[str, Any] = {"conditions": [], "conjunction": "and"}


def definition_of(entity: Entity, info: ListInfo, describe: Mapping[str, Any], now_ms: int) -> ListDefinition:
    return ListDefinition(
        list_id=info.list_id,
        entity=entity,
        label=str(describe.get("label") or info.label),
        scope=describe.get("scope") or "everything",
        where=describe.get("whereCondition") or dict(NO_CONDITION),
        query=str(describe.get("query") or ""),
        fetched_at_ms=now_ms,
    )


async def with_habits(org: SalesforceOrg, definition: ListDefinition) -> ListDefinition:
    """With what of the org its filter depends on. Raises Unavailable and Refused."""
    fields = {each.name: each for each in await org.fields(definition.entity)}
    several = "CurrencyIsoCode" in fields
    tested = set(tested_fields(definition.where))
    if definition.entity == "contact" and any(name.startswith(ACCOUNT) for name in tested):
        fields |= {ACCOUNT + each.name: each for each in await org.fields("account")}
    used = [(name, fields[name]) for name in sorted(tested & fields.keys())]
    return definition.model_copy(
        update={
            "user_id": (await org.habits()).user_id,
            "several_currencies": several,
            "labelled": tuple(name for name, each in used if each.labelled),
            "currencies": tuple(name for name, each in used if several and each.type == "currency"),
            "calculated": tuple(name for name, each in used if each.calculated),
        }
    )


def compiled_today(definition: ListDefinition, now_ms: int) -> CompiledList:
    """How the list is evaluated, whatever the day: here, or by the org and why.

    Raises UnsupportedCondition when neither can be done.
    """
    calendar = Calendar()
    compiled = compile_list(definition, Reading(calendar.today(now_ms), calendar))
    if compiled.predicate is None and not compiled.frozen:
        try:
            list_query(definition.query)
        except NoQuery as error:
            raise UnsupportedCondition(
                f"List “{definition.label}” cannot be imported: {'; '.join(compiled.reasons)}; and {error}. "
                "Change the list's filter in Salesforce, or choose another list."
            ) from error
    return compiled


def evaluated_by_org(definition: ListDefinition, now_ms: int) -> bool:
    """Whether the org has to be asked who is in the list."""
    compiled = compiled_today(definition, now_ms)
    return compiled.predicate is None and not compiled.frozen


async def ask_for_comparison(jobs: Documents[Job], team: str, definition: ListDefinition, now_ms: int) -> None:
    """Unless one is open. What the last one found stays told until the next one is done. Raises Unavailable."""
    job_id = comparison_id(definition.list_id)
    last = (await jobs.load([(team, job_id)])).get((team, job_id))
    if last is not None and last.state in ("pending", "running"):
        return
    request = ReadRequest(entity=definition.entity, list_id=definition.list_id)
    job = Job(team=team, job_id=job_id, kind="list", state="pending", request=request, updated_at_ms=now_ms)
    if last is not None:
        told = ("rev", "report", "detail", "finished_at_ms")
        job = job.model_copy(update={name: getattr(last, name) for name in told})
    # Who loses the swap finds the winner's document: it asks for the same.
    await jobs.swap([job])
