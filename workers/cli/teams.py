"""Teams: what each has, and how it is doing."""

from __future__ import annotations

from typing import Annotated

import typer

from workers import wiring
from workers.cli.output import Json, Team, console, print_json, run
from workers.cli.status import as_document, as_table
from workers.cli.waiting import await_import
from workers.settings import load_settings

app = typer.Typer(help="See how teams are doing.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """See how teams are doing."""


@app.command("status")
def status(
    team: Team,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the first import, with a progress bar.")] = False,
    json: Json = False,
) -> None:
    """What a team has: records, people, accounts, segments, why records were not imported, and how capture is doing."""
    settings = load_settings()
    if wait:
        run(await_import(settings, team))
    found = run(wiring.status(settings, team))
    if json:
        print_json(as_document(found))
    else:
        console.print(as_table(found))
