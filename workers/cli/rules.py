"""Rules: which Salesforce lists are imported, and where to."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import partial
from typing import Annotated

import typer

from schemas.documents import Rule, RuleSet
from schemas.events import Entity
from workers import wiring
from workers.cli.output import Json, Team, console, print_json, run, show
from workers.cli.preview import Preview, tell_preview
from workers.cli.status import moment
from workers.cli.waiting import await_applied
from workers.console.lists import notes
from workers.console.rules import target
from workers.ports import Refused
from workers.runtime.process import SystemClock
from workers.settings import load_settings

app = typer.Typer(help="Choose Salesforce lists and where they go.", no_args_is_help=True)


class EntityName(StrEnum):
    contact = "contact"
    lead = "lead"
    account = "account"


EntityArgument = Annotated[EntityName, typer.Argument(help="contact, lead or account")]


class OnLeave(StrEnum):
    remove = "remove"
    keep = "keep"


OnlyOption = Annotated[bool, typer.Option("--only", help="Into the general people or accounts list only.")]
NewSegment = Annotated[str | None, typer.Option(help="Into a new segment of this name.")]
ExistingSegment = Annotated[str | None, typer.Option(help="Into this segment, by id or name.")]
WaitApplied = Annotated[bool, typer.Option("--wait", help="Wait until it has been applied, with progress.")]
RuleArgument = Annotated[str, typer.Argument(help="The rule's id.")]


def into_of(only: bool, new_segment: str | None, existing_segment: str | None, *, needed: bool) -> wiring.Into:
    said = sum((only, new_segment is not None, existing_segment is not None))
    if said > 1 or (needed and said == 0):
        raise Refused("say where the lists go: one of --only, --new-segment NAME, --existing-segment SEGMENT")
    return wiring.Into(only, new_segment, existing_segment)


@app.command("add")
def add(
    team: Team,
    entity: EntityArgument,
    list_: Annotated[list[str], typer.Option("--list", help="A list's label, developer name or id; may be repeated.")],
    only: OnlyOption = False,
    new_segment: NewSegment = None,
    existing_segment: ExistingSegment = None,
    on_leave: Annotated[
        OnLeave, typer.Option(help="What becomes of somebody who leaves the lists: removed from the segment, or kept.")
    ] = OnLeave.remove,
    preview: Preview = False,
    wait: WaitApplied = False,
    json: Json = False,
) -> None:
    """Import the records of one or more Salesforce lists, and keep following them."""
    into = into_of(only, new_segment, existing_segment, needed=True)
    asked = partial(wiring.add_rule, load_settings(), team, entity_of(entity), list_, into, on_leave.value)
    if preview:
        tell_preview(lambda do: asked(do=do), json)
        return
    rule = run(asked(do=wiring.save))
    told(team, rule, f"rule {rule.rule_id} is active", wait, json)


@app.command("edit")
def edit(
    team: Team,
    rule: RuleArgument,
    add_list: Annotated[list[str] | None, typer.Option(help="A list to add; may be repeated.")] = None,
    remove_list: Annotated[list[str] | None, typer.Option(help="A list to remove; may be repeated.")] = None,
    only: OnlyOption = False,
    new_segment: NewSegment = None,
    existing_segment: ExistingSegment = None,
    on_leave: Annotated[OnLeave | None, typer.Option(help="What becomes of somebody who leaves the lists.")] = None,
    preview: Preview = False,
    wait: WaitApplied = False,
    json: Json = False,
) -> None:
    """Add and remove lists of a rule, change where they go. What is not named stays as it is."""
    asked = partial(
        wiring.edit_rule,
        load_settings(),
        team,
        rule,
        add=add_list or (),
        remove=remove_list or (),
        into=into_of(only, new_segment, existing_segment, needed=False),
        on_leave=on_leave.value if on_leave else None,
    )
    if preview:
        tell_preview(lambda do: asked(do=do), json)
        return
    edited = run(asked(do=wiring.save))
    told(team, edited, f"rule {edited.rule_id} is changed", wait, json)


@app.command("deactivate")
def deactivate(
    team: Team,
    rule: RuleArgument,
    remove_members: Annotated[
        bool, typer.Option("--remove-members", help="Remove whom no other rule holds; otherwise everybody stays.")
    ] = False,
    preview: Preview = False,
    wait: WaitApplied = False,
    json: Json = False,
) -> None:
    """Stop importing by a rule. It is kept as history, and can be activated again."""
    asked = partial(wiring.deactivate_rule, load_settings(), team, rule, remove=remove_members)
    if preview:
        tell_preview(lambda do: asked(do=do), json)
        return
    idle = run(asked(do=wiring.save))
    told(team, idle, f"rule {idle.rule_id} is no longer active", wait, json)


@app.command("activate")
def activate(
    team: Team, rule: RuleArgument, preview: Preview = False, wait: WaitApplied = False, json: Json = False
) -> None:
    """Import by a rule again that was de-activated."""
    asked = partial(wiring.activate_rule, load_settings(), team, rule)
    if preview:
        tell_preview(lambda do: asked(do=do), json)
        return
    active = run(asked(do=wiring.save))
    told(team, active, f"rule {active.rule_id} is active again", wait, json)


@app.command("history")
def history(team: Team, json: Json = False) -> None:
    """Who changed rules and mappings, and when; newest first."""
    entries = run(wiring.audit_log(load_settings(), team))
    document = [entry.model_dump(mode="json", include={"at_ms", "who", "what"}) for entry in entries]
    show(json, document, ("When", "Who", "What"), [(moment(entry.at_ms), entry.who, entry.what) for entry in entries])


def told(team: str, rule: Rule, what: str, wait: bool, json: bool) -> None:
    if wait:
        run(await_applied(load_settings(), team))
    to_know = notes_of(run(wiring.load_rule_set(load_settings(), team)), rule)
    if json:
        print_json({**rule.model_dump(mode="json"), "notes": to_know})
        return
    console.print(what)
    for note in to_know:
        console.print(note, markup=False, soft_wrap=True)


@app.command("list")
def list_rules(
    team: Team,
    all_: Annotated[bool, typer.Option("--all", help="De-activated rules too.")] = False,
    json: Json = False,
) -> None:
    """The rules of a team: source and destination."""
    rule_set = run(wiring.load_rule_set(load_settings(), team))
    names = run(wiring.segment_names(load_settings(), team))
    rules = [rule for rule in rule_set.rules if rule.active or all_]
    document = [{**rule.model_dump(mode="json"), "notes": notes_of(rule_set, rule)} for rule in rules]
    rows = [
        (
            r.rule_id,
            r.entity,
            sources(rule_set, r),
            into(r, names),
            "yes" if r.active else "no",
            "\n".join(notes_of(rule_set, r)),
        )
        for r in rules
    ]
    show(json, document, ("Rule", "Entity", "Source", "Destination", "Active", "To know"), rows)


def into(rule: Rule, names: Mapping[str, str]) -> str:
    """E.g. “EMEA people” (emea-people)."""
    segment_id = rule.destination.segment_id
    return (
        target(rule)
        if segment_id is None or segment_id not in names
        else f"segment “{names[segment_id]}” ({segment_id})"
    )


def notes_of(rule_set: RuleSet, rule: Rule) -> tuple[str, ...]:
    """What an administrator should know about the lists of an active rule."""
    return notes(rule_set, rule, SystemClock().now_ms()) if rule.active else ()


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
