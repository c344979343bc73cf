"""The write-back of engagement scores: switches, schedule, fields, runs."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.prompt import Confirm

from schemas.documents import WritebackSettings
from schemas.events import ENTITIES
from workers import wiring
from workers.cli.output import Json, Team, console, print_json, run, show
from workers.cli.rules import EntityArgument, entity_of
from workers.cli.status import moment
from workers.core.writeback import fields_of, is_on
from workers.settings import load_settings

app = typer.Typer(help="Scores and last engagement dates, written back to Salesforce every day.", no_args_is_help=True)


@app.command("show")
def show_settings(team: Team, json: Json = False) -> None:
    """The switch and the fields of each entity, and the schedule."""
    tell(team, run(wiring.writeback_settings(load_settings(), team)), json)


@app.command("on")
def on(team: Team, entity: EntityArgument, json: Json = False) -> None:
    """Write an entity's insights back. What changed while it was off is written by the next run."""
    tell(team, run(wiring.switch_writeback(load_settings(), team, entity_of(entity), on=True)), json)


@app.command("off")
def off(team: Team, entity: EntityArgument, json: Json = False) -> None:
    """Stop writing an entity's insights back, at once."""
    tell(team, run(wiring.switch_writeback(load_settings(), team, entity_of(entity), on=False)), json)


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
    compare_first: Annotated[
        bool | None,
        typer.Option(help="Ask for the values that Salesforce has, and write only what differs."),
    ] = None,
    json: Json = False,
) -> None:
    """When the daily run begins, and what it leaves alone. What is not named stays."""
    update: dict[str, object] = {}
    update |= {"at": at} if at is not None else {}
    update |= {"time_zone": None if time_zone == "org" else time_zone} if time_zone is not None else {}
    update |= {"blackouts": [w.split("-", 1) for w in blackout if w != "none"]} if blackout is not None else {}
    update |= {"dead_band": dead_band} if dead_band is not None else {}
    update |= {"compare_first": compare_first} if compare_first is not None else {}
    tell(team, run(wiring.change_writeback(load_settings(), team, update)), json)


@app.command("fields")
def fields(
    team: Team,
    entity: EntityArgument,
    score: Annotated[str | None, typer.Option(help="API name of the number field for the score.")] = None,
    date: Annotated[str | None, typer.Option(help="API name of the date field for the last engagement.")] = None,
    json: Json = False,
) -> None:
    """Write an entity's insights to other fields; they must exist, fit and be writable."""
    tell(team, run(wiring.name_writeback_fields(load_settings(), team, entity_of(entity), score, date)), json)


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


def tell(team: str, settings: WritebackSettings, json: bool) -> None:
    if not json:
        zone = settings.time_zone or f"{run(wiring.org_time_zone(load_settings(), team))}, the org's time zone"
        blackouts = ", ".join("-".join(window) for window in settings.blackouts) or "none"
        compared = "; compared with Salesforce first" if settings.compare_first else ""
        band = f"dead band {settings.dead_band:g}{compared}"
        console.print(f"daily at {settings.at} ({zone}); blackouts: {blackouts}; {band}")
    rows = []
    for entity in ENTITIES:
        switch, to = settings.switches.get(entity), fields_of(settings, entity)
        who = f"{switch.changed_by}, {moment(switch.changed_at_ms or 0)}" if switch else ""
        rows.append((entity, "on" if is_on(settings, entity) else "off", to.score, to.date, who))
    document = settings.model_dump(mode="json", exclude={"rev", "edit"})
    show(json, document, ("Entity", "Written back", "Score", "Last engagement", "Switched by"), rows)
