"""Mappings: which Salesforce fields fill which fields of people and accounts."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from typing import Annotated, TypeVar

import typer

from schemas.documents import FieldMapping
from schemas.events import ENTITIES
from workers import wiring
from workers.cli.output import Json, Team, run, show
from workers.cli.preview import Preview, tell_preview
from workers.cli.rules import EntityArgument, WaitApplied, entity_of
from workers.cli.waiting import await_applied
from workers.console.mappings import Wanted
from workers.core.fields import HOLDS
from workers.core.mapping import DEFAULT_MAPPINGS
from workers.ports import Refused
from workers.settings import load_settings

app = typer.Typer(help="Choose which Salesforce fields fill people and accounts.", no_args_is_help=True)

T = TypeVar("T", bound=StrEnum)


class TypeName(StrEnum):
    text = "text"
    number = "number"
    boolean = "boolean"
    date = "date"
    datetime = "datetime"


class Prefer(StrEnum):
    most_recent = "most_recent"
    contact_over_lead = "contact_over_lead"
    keep_first = "keep_first"


@app.command("list")
def list_mappings(team: Team, json: Json = False) -> None:
    """What fills which field. E-mail and domain are always mapped."""
    rule_set = run(wiring.load_rule_set(load_settings(), team))
    found = [
        (entity, mapping)
        for entity in ENTITIES
        for mapping in (DEFAULT_MAPPINGS[entity], *rule_set.mappings.get(entity, ()))
    ]
    document = [{"entity": entity, **mapping.model_dump()} for entity, mapping in found]
    rows = [(entity, *row_of(mapping)) for entity, mapping in found]
    show(json, document, ("Entity", "Field", "Filled from", "Type", "If records disagree"), rows)


@app.command("fields")
def fields(team: Team, entity: EntityArgument, json: Json = False) -> None:
    """The Salesforce fields that the connected user can read, and what they hold.

    One that Salesforce computes (a formula or a roll-up) changes without an event: the next reading brings it.
    """
    found = run(wiring.readable_fields(load_settings(), team, entity_of(entity)))
    rows = [(name, each.label, HOLDS[each.type], each.type, each.calculated) for name, each in sorted(found.items())]
    document = [dict(zip(("name", "label", "holds", "type", "computed"), row, strict=True)) for row in rows]
    told = [(*row, f"{kind}, computed" if computed else kind) for *row, kind, computed in rows]
    show(json, document, ("Field", "Label", "Holds", "Type in Salesforce"), told)


@app.command("set")
def set_mappings(
    team: Team,
    entity: EntityArgument,
    mappings: Annotated[
        list[str] | None,
        typer.Argument(
            help="E.g. job_title=Title; with fall-backs country=MailingCountry,Account.BillingCountry",
            metavar="TARGET=FIELD[,FIELD...]",
        ),
    ] = None,
    constant: Annotated[
        list[str] | None, typer.Option(metavar="TARGET=VALUE", help="What fills the target where its fields are empty.")
    ] = None,
    type_: Annotated[
        list[str] | None,
        typer.Option(
            "--type", metavar="TARGET=TYPE", help="text, number, boolean, date or datetime; else as the field."
        ),
    ] = None,
    prefer: Annotated[
        list[str] | None,
        typer.Option(metavar="TARGET=RULE", help="When records disagree: most_recent, contact_over_lead, keep_first."),
    ] = None,
    preview: Preview = False,
    wait: WaitApplied = False,
    json: Json = False,
) -> None:
    """Fill fields of people or accounts from Salesforce fields. Only mapped fields are populated."""
    wanted = wanted_of(mappings or [], constant or [], type_ or [], prefer or [])
    asked = partial(wiring.set_mappings, load_settings(), team, entity_of(entity), wanted)
    if preview:
        tell_preview(lambda do: asked(do=do), json)
        return
    after(team, run(asked(do=wiring.save)), wait, json)


@app.command("unset")
def unset_mappings(
    team: Team,
    entity: EntityArgument,
    targets: Annotated[list[str], typer.Argument(help="Fields of people or accounts, e.g. job_title.")],
    preview: Preview = False,
    wait: WaitApplied = False,
    json: Json = False,
) -> None:
    """No longer fill fields; what is in them is cleared."""
    asked = partial(wiring.unset_mappings, load_settings(), team, entity_of(entity), targets)
    if preview:
        tell_preview(lambda do: asked(do=do), json)
        return
    after(team, run(asked(do=wiring.save)), wait, json)


def after(team: str, mappings: tuple[FieldMapping, ...], wait: bool, json: bool) -> None:
    if wait:
        run(await_applied(load_settings(), team))
    document = [each.model_dump() for each in mappings]
    show(json, document, ("Field", "Filled from", "Type", "If records disagree"), map(row_of, mappings))


def row_of(mapping: FieldMapping) -> tuple[str, str, str, str]:
    constant = [] if mapping.constant is None else [repr(mapping.constant)]
    filled = ", else ".join((*mapping.sources, *constant))
    return mapping.target, filled, mapping.type or "", mapping.prefer.replace("_", " ")


def wanted_of(mappings: list[str], constants: list[str], types: list[str], prefers: list[str]) -> list[Wanted]:
    sources = pairs_of(mappings, "TARGET=FIELD, e.g. job_title=Title")
    constant = pairs_of(constants, "--constant TARGET=VALUE")
    kinds = pairs_of(types, "--type TARGET=TYPE")
    preferred = pairs_of(prefers, "--prefer TARGET=RULE")
    targets = dict.fromkeys((*sources, *constant))
    if (unknown := (kinds.keys() | preferred.keys()) - targets.keys()) or not targets:
        raise Refused(f"{', '.join(sorted(unknown)) or 'nothing to map'}: give TARGET=FIELD, e.g. job_title=Title")
    return [
        Wanted(
            target,
            tuple(filter(None, sources.get(target, "").split(","))),
            constant.get(target),
            choice(TypeName, "--type", target, kinds[target]).value if target in kinds else None,
            choice(Prefer, "--prefer", target, preferred[target]).value if target in preferred else None,
        )
        for target in targets
    ]


def choice(choices: type[T], option: str, target: str, text: str) -> T:
    try:
        return choices(text)
    except ValueError:
        raise Refused(f"{option} {target}={text}: choose one of {', '.join(choices)}") from None


def pairs_of(given: list[str], expected: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for each in given:
        target, equals, value = each.partition("=")
        if not (target and equals and value):
            raise Refused(f"{each}: give {expected}")
        if target in pairs:
            raise Refused(f"{target} is given twice")
        pairs[target] = value
    return pairs
