"""The write-back of engagement scores: switches, schedule, fields, runs."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.prompt import Confirm

from schemas.documents import WritebackRun, WritebackSettings
from schemas.events import ENTITIES
from workers import wiring
from workers.cli.output import Json, Team, console, print_json, run, show
from workers.cli.rules import EntityArgument, entity_of
from workers.cli.status import moment
from workers.core.writeback import fields_of, is_on, remedy
from workers.settings import load_settings

app = typer.Typer(help="Scores and last engagement dates, written back to Salesforce every day.", no_args_is_help=True)


@app.command("show")
def show_settings(team: Team, json: Json = False) -> None:
    """The switch and the fields of each entity, and the schedule."""
    tell(run(wiring.writeback_settings(load_settings(), team)), json)


@app.command("on")
def on(team: Team, entity: EntityArgument, json: Json = False) -> None:
    """Write an entity's insights back. What changed while it was off is written by the next run."""
    tell(run(wiring.switch_writeback(load_settings(), team, entity_of(entity), on=True)), json)


@app.command("off")
def off(team: Team, entity: EntityArgument, json: Json = False) -> None:
    """Stop writing an entity's insights back, at once."""
    tell(run(wiring.switch_writeback(load_settings(), team, entity_of(entity), on=False)), json)


@app.command("schedule")
def schedule(
    team: Team,
    at: Annotated[str | None, typer.Option(help="Local time of the daily run, HH:MM.")] = None,
    time_zone: Annotated[
        str | None, typer.Option(help="IANA name such as Europe/Oslo; “org” for the org's own.")
    ] = None,
    blackout: Annotated[
        list[str] | None, typer.Option(help="HH:MM-HH:MM in which no run begins; may be repeated. “none” for none.")
    ] = None,
    dead_band: Annotated[float | None, typer.Option(min=0, help="Leave scores alone that differ by no more.")] = None,
    json: Json = False,
) -> None:
    """When the daily run begins, and what it leaves alone. What is not named stays."""
    update: dict[str, object] = {}
    update |= {"at": at} if at is not None else {}
    update |= {"time_zone": None if time_zone == "org" else time_zone} if time_zone is not None else {}
    update |= {"blackouts": [w.split("-", 1) for w in blackout if w != "none"]} if blackout is not None else {}
    update |= {"dead_band": dead_band} if dead_band is not None else {}
    tell(run(wiring.change_writeback(load_settings(), team, update)), json)


@app.command("fields")
def fields(
    team: Team,
    entity: EntityArgument,
    score: Annotated[str | None, typer.Option(help="API name of the number field for the score.")] = None,
    date: Annotated[str | None, typer.Option(help="API name of the date field for the last engagement.")] = None,
    json: Json = False,
) -> None:
    """Write an entity's insights to other fields; they must exist, fit and be writable."""
    tell(run(wiring.name_writeback_fields(load_settings(), team, entity_of(entity), score, date)), json)


@app.command("create-fields")
def create_fields(
    team: Team,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Create the fields that are missing in Salesforce, and let the connected user's profile write them."""
    missing = run(wiring.missing_insight_fields(load_settings(), team))
    names = [f"{entity}.{name}" for entity, some in missing.items() for name in some]
    if names and not (yes or Confirm.ask(f"Create {', '.join(names)} in Salesforce?", console=console)):
        raise typer.Exit(1)
    created = run(wiring.create_insight_fields(load_settings(), team)) if names else missing
    if json:
        print_json(created)
    else:
        console.print(f"created: {', '.join(names)}" if names else "nothing is missing")


@app.command("runs")
def runs(team: Team, json: Json = False) -> None:
    """The runs so far, newest first: what was planned, and what became of every row."""
    found = run(wiring.writeback_runs(load_settings(), team))
    columns = ("Run", "State", "Began", "Planned", "Accepted", "Rejected", "Unprocessed", "Switched off", "Detail")
    show(json, [each.model_dump(mode="json") for each in found], columns, [_row(each) for each in found])


@app.command("rows")
def rows(
    team: Team,
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="As `writeback runs` shows it.")],
    outcome: Annotated[str | None, typer.Option(help="Only accepted, rejected, unprocessed, postponed, ...")] = None,
    json: Json = False,
) -> None:
    """What became of each row of a run, and what to do about those that Salesforce rejected."""
    found = run(wiring.writeback_rows(load_settings(), team, run_id, outcome))
    document = [{**row.model_dump(mode="json", exclude={"team", "rev"}), "remedy": remedy(row.error)} for row in found]
    columns = ("Record", "Entity", "Score", "Last engagement", "Outcome", "Why, and what to do")
    told = [
        (row.record_id, row.entity, row.score, row.last_engagement_date, row.outcome, _why(row.error)) for row in found
    ]
    show(json, document, columns, told)


@app.command("undo")
def undo(
    team: Team,
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="As `writeback runs` shows it.")],
    json: Json = False,
) -> None:
    """Put back what a run replaced, where nobody has changed it since. It stays so until the score changes."""
    done = run(wiring.undo_write_back(load_settings(), team, run_id))
    if json:
        print_json(done.model_dump(mode="json"))
        return
    console.print(
        f"{done.accepted} put back, {done.kept} left since they were changed, {done.rejected} rejected"
        f"{f' ({done.detail})' if done.detail else ''}",
        markup=False,
    )
    if done.state == "failed":
        raise typer.Exit(1)


def _why(error: str | None) -> str:
    return f"{error}: {remedy(error)}" if error else ""


def _row(of: WritebackRun) -> tuple[object, ...]:
    counts = (of.planned, of.accepted, of.rejected, of.unprocessed, of.disabled)
    return (of.run_id, of.state, moment(of.started_at_ms), *counts, of.detail or "")


def tell(settings: WritebackSettings, json: bool) -> None:
    if not json:
        zone = settings.time_zone or "the org's time zone"
        blackouts = ", ".join("-".join(window) for window in settings.blackouts) or "none"
        console.print(f"daily at {settings.at} ({zone}); blackouts: {blackouts}; dead band {settings.dead_band:g}")
    rows = []
    for entity in ENTITIES:
        switch, to = settings.switches.get(entity), fields_of(settings, entity)
        who = f"{switch.changed_by}, {moment(switch.changed_at_ms or 0)}" if switch else ""
        rows.append((entity, "on" if is_on(settings, entity) else "off", to.score, to.date, who))
    document = settings.model_dump(mode="json", exclude={"rev", "edit"})
    show(json, document, ("Entity", "Written back", "Score", "Last engagement", "Switched by"), rows)
