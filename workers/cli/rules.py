"""Rules: which Salesforce lists are imported, and where to."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from schemas.documents import Rule, RuleSet
from schemas.events import Entity
from workers import wiring
from workers.cli.output import Json, Team, console, print_json, run, show
from workers.cli.waiting import await_applied
from workers.ports import Refused
from workers.settings import load_settings

app = typer.Typer(help="Choose Salesforce lists and where they go.", no_args_is_help=True)


class EntityName(StrEnum):
    contact = "contact"
    lead = "lead"
    account = "account"


EntityArgument = Annotated[EntityName, typer.Argument(help="contact, lead or account")]


@app.command("lists")
def lists(team: Team, entity: EntityArgument, json: Json = False) -> None:
    """The Salesforce lists that the connected user sees. One that is missing needs sharing by an administrator."""
    found = run(wiring.visible_lists(load_settings(), team, entity_of(entity)))
    document = [{"id": each.list_id, "label": each.label, "developer_name": each.developer_name} for each in found]
    show(json, document, ("Id", "Label", "Developer name"), [tuple(each.values()) for each in document])


@app.command("add")
def add(
    team: Team,
    entity: EntityArgument,
    list_: Annotated[list[str], typer.Option("--list", help="A list's label, developer name or id; may be repeated.")],
    only: Annotated[bool, typer.Option("--only", help="Into the general people or accounts list only.")] = False,
    new_segment: Annotated[str | None, typer.Option(help="Into a new segment of this name.")] = None,
    existing_segment: Annotated[str | None, typer.Option(help="Into this segment, by id or name.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the rule has been applied, with progress.")] = False,
    json: Json = False,
) -> None:
    """Import the records of one or more Salesforce lists, and keep following them."""
    if sum((only, new_segment is not None, existing_segment is not None)) != 1:
        raise Refused("say where the lists go: one of --only, --new-segment NAME, --existing-segment SEGMENT")
    rule = run(
        wiring.add_rule(
            load_settings(), team, entity_of(entity), list_, new_segment=new_segment, existing_segment=existing_segment
        )
    )
    if wait:
        run(await_applied(load_settings(), team))
    if json:
        print_json(rule.model_dump(mode="json"))
    else:
        console.print(f"rule {rule.rule_id} is active")


@app.command("list")
def list_rules(
    team: Team,
    all_: Annotated[bool, typer.Option("--all", help="De-activated rules too.")] = False,
    json: Json = False,
) -> None:
    """The rules of a team: source and destination."""
    rule_set = run(wiring.load_rule_set(load_settings(), team))
    rules = [rule for rule in rule_set.rules if rule.active or all_]
    document = [rule.model_dump(mode="json") for rule in rules]
    rows = [(r.rule_id, r.entity, sources(rule_set, r), target(r), "yes" if r.active else "no") for r in rules]
    show(json, document, ("Rule", "Entity", "Source", "Destination", "Active"), rows)


@app.command("deactivate")
def deactivate(team: Team, rule: Annotated[str, typer.Argument(help="The rule's id.")], json: Json = False) -> None:
    """Stop importing by a rule. It is kept as history."""
    idle = run(wiring.deactivate_rule(load_settings(), team, rule))
    if json:
        print_json(idle.model_dump(mode="json"))
    else:
        console.print(f"rule {idle.rule_id} is no longer active")


@app.command("map")
def map_fields(
    team: Team,
    entity: EntityArgument,
    fields: Annotated[
        list[str], typer.Argument(help="target=SourceField, e.g. job_title=Title", metavar="TARGET=FIELD")
    ],
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it has been applied, with progress.")] = False,
    json: Json = False,
) -> None:
    """Fill fields of people or accounts from Salesforce fields. Only mapped fields are populated.

    E-mail (contacts, leads) and domain (accounts, from Website) are always mapped.
    """
    mappings = run(wiring.map_fields(load_settings(), team, entity_of(entity), pairs_of(fields)))
    if wait:
        run(await_applied(load_settings(), team))
    document = [each.model_dump() for each in mappings]
    show(json, document, ("Field", "Filled from"), [(each.target, each.source) for each in mappings])


def pairs_of(fields: list[str]) -> dict[str, str]:
    pairs = [each.partition("=") for each in fields]
    for target, equals, source in pairs:
        if not (target and equals and source):
            raise Refused(f"{target or source}: give TARGET=FIELD, e.g. job_title=Title")
    return {target: source for target, _, source in pairs}


def entity_of(name: EntityName) -> Entity:
    match name:
        case EntityName.contact:
            return "contact"
        case EntityName.lead:
            return "lead"
        case EntityName.account:
            return "account"


def sources(rule_set: RuleSet, rule: Rule) -> str:
    return ", ".join(rule_set.lists[list_id].label for list_id in rule.list_ids)


def target(rule: Rule) -> str:
    if rule.destination.kind == "segment":
        return f"segment {rule.destination.segment_id}"
    return "Account Only" if rule.entity == "account" else "People Only"
