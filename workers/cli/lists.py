"""Lists: those of Salesforce, and how well we know who is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from workers import wiring
from workers.cli.jobs import follow, tell
from workers.cli.output import Json, Team, run, show
from workers.cli.rules import EntityArgument, entity_of
from workers.cli.status import moment
from workers.settings import load_settings

if TYPE_CHECKING:
    from workers.console.lists import ListShown, ListStatus

app = typer.Typer(help="Look at Salesforce lists, and compare them with what is here.", no_args_is_help=True)

ListArgument = Annotated[str, typer.Argument(metavar="LIST", help="The list's label, developer name or id.")]


@app.command("list")
def list_lists(team: Team, entity: EntityArgument, json: Json = False) -> None:
    """The Salesforce lists that the connected user sees. One that is missing needs sharing by an administrator."""
    found = run(wiring.visible_lists(load_settings(), team, entity_of(entity)))
    document = [{"id": each.list_id, "label": each.label, "developer_name": each.developer_name} for each in found]
    show(json, document, ("Id", "Label", "Developer name"), [tuple(each.values()) for each in document])


@app.command("show")
def show_list(team: Team, entity: EntityArgument, list_: ListArgument, json: Json = False) -> None:
    """What a list holds, whether a rule can use it, and what only Salesforce can evaluate of it."""
    found = run(wiring.show_list(load_settings(), team, entity_of(entity), list_))
    definition = found.definition
    document = {
        **definition.model_dump(mode="json", include={"list_id", "entity", "label", "scope", "where", "query"}),
        "records": found.records,
        "evaluated": evaluated(found),
        "only_the_org_can_tell": found.only_the_org_can_tell,
        "unusable": found.unusable,
    }
    rows = [
        ("Label", definition.label),
        ("Id", definition.list_id),
        ("Shows", definition.scope),
        ("Records", "?" if found.records is None else f"{found.records:,}"),
        ("Query", definition.query),
        ("Evaluated", evaluated(found)),
        *(("Because", reason) for reason in (*found.only_the_org_can_tell, found.unusable) if reason),
    ]
    show(json, document, ("", ""), rows)


def evaluated(found: ListShown) -> str:
    if found.unusable:
        return "not: no rule can use it"
    return "by Salesforce" if found.only_the_org_can_tell else "here"


@app.command("status")
def status(team: Team, json: Json = False) -> None:
    """Every list that a rule uses: who evaluates it, what is wrong with it, what its last comparison found."""
    found = run(wiring.list_statuses(load_settings(), team))
    counted = ("Rows", "Missing", "Extra", "Repaired", "Unexplained")
    columns = ("List", "Entity", "Rules", "Evaluated", "Compared", *counted, "To know")
    show(json, [as_document(each) for each in found], columns, [row(each) for each in found])


def as_document(status: ListStatus) -> dict[str, Any]:
    definition = status.definition
    job = status.comparison
    return {
        **definition.model_dump(mode="json", include={"list_id", "entity", "label", "trouble", "distrust"}),
        "rules": status.rules,
        "only_the_org_can_tell": status.only_the_org_can_tell,
        "comparison": job and job.model_dump(mode="json", include={"state", "detail", "report", "finished_at_ms"}),
    }


def row(status: ListStatus) -> tuple[object, ...]:
    definition, job = status.definition, status.comparison
    report = job.report if job is not None else {}
    known = [definition.trouble or "; ".join(status.only_the_org_can_tell)]
    if job is not None and job.detail and job.detail != definition.trouble:
        known.append(job.detail)
    return (
        definition.label,
        definition.entity,
        ", ".join(status.rules),
        "stands still" if definition.trouble else "by Salesforce" if status.only_the_org_can_tell else "here",
        moment(job.finished_at_ms) if job is not None and job.finished_at_ms is not None else "not yet",
        *(report.get(name, 0) if report else "" for name in ("rows", "missing", "extra", "repaired", "unexplained")),
        "\n".join(filter(None, known)),
    )


@app.command("reconcile")
def reconcile(
    team: Team,
    list_: ListArgument,
    wait: Annotated[bool, typer.Option(help="Wait until it is done, with progress.")] = True,
    json: Json = False,
) -> None:
    """Compare a list that a rule uses with Salesforce now, and repair what differs. Capture must be running."""
    settings = load_settings()
    job = run(wiring.compare_list(settings, team, list_))
    tell(run(follow(settings, job)) if wait else job, json)
