"""Teams: connect one to its Salesforce org, and see how it is doing."""

from __future__ import annotations

import os
import webbrowser
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from workers import wiring
from workers.cli.output import Json, Team, console, print_json, run, show
from workers.cli.waiting import await_import
from workers.ports import Refused
from workers.settings import load_settings

if TYPE_CHECKING:
    from workers.console.progress import TeamStatus

app = typer.Typer(help="Connect teams to Salesforce and look at them.", no_args_is_help=True)

CALLBACK_PORT = 1717
"""The port that Salesforce's own command line has its users register for the same purpose."""


@app.command("connect")
def connect(
    team: Team,
    client_id: Annotated[str, typer.Option(help="Consumer key of the External Client App.")],
    login_url: Annotated[
        str, typer.Option(help="Login host, or the org's My Domain.")
    ] = "https://login.salesforce.com",
    client_credentials: Annotated[
        bool, typer.Option("--client-credentials", help="No browser: the app's run-as user (needs My Domain).")
    ] = False,
    callback_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Register http://localhost:PORT/oauth/callback in the app. 0: any.")
    ] = CALLBACK_PORT,
    browser: Annotated[bool, typer.Option(help="Open the login page in a browser; otherwise only print it.")] = True,
    json: Json = False,
) -> None:
    """Authorise the team's Salesforce org. The consumer secret is read from SALESFORCE_CLIENT_SECRET."""
    secret = os.environ.get("SALESFORCE_CLIENT_SECRET")
    if client_credentials and not secret:
        raise Refused("SALESFORCE_CLIENT_SECRET is not set: the client credentials flow needs the consumer secret")

    def show_login(url: str) -> None:
        if browser:
            webbrowser.open(url)
        console.print("Log in to Salesforce here:", highlight=False)
        typer.echo(url, err=not json)

    connection = run(
        wiring.connect_team(
            load_settings(),
            team,
            login_url=login_url,
            client_id=client_id,
            client_secret=secret,
            callback_port=None if client_credentials else callback_port,
            show_login=show_login,
        )
    )
    document = {"team": team, "org_id": connection.org_id, "instance_url": connection.instance_url}
    if json:
        print_json(document)
    else:
        console.print(f"team {team} is connected to org {connection.org_id}; capture imports it now")


@app.command("list")
def list_teams(json: Json = False) -> None:
    """The connected teams."""
    connections = run(wiring.connections(load_settings()))
    rows = [(c.team, c.org_id, c.instance_url, c.state) for c in connections]
    document = [dict(zip(("team", "org_id", "instance_url", "state"), row, strict=True)) for row in rows]
    show(json, document, ("Team", "Org", "Instance", "State"), rows)


@app.command("status")
def status(
    team: Team,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the first import, with a progress bar.")] = False,
    json: Json = False,
) -> None:
    """What a team has: records, people, accounts, segments, and why records were not imported."""
    settings = load_settings()
    if wait:
        run(await_import(settings, team))
    found = run(wiring.status(settings, team))
    if json:
        print_json(as_document(found))
    else:
        console.print(as_table(found))


def as_document(status: TeamStatus) -> dict[str, object]:
    return {
        "team": status.team,
        "records": status.records,
        "people": status.people,
        "accounts": status.accounts,
        "segments": status.segments,
        "skipped": [
            {"entity": entity, "reason": reason, "records": n} for (entity, reason), n in status.skipped.items()
        ],
        "unevaluated": status.unevaluated,
        "jobs": [job.model_dump(mode="json") for job in status.jobs],
    }


def as_table(status: TeamStatus) -> Table:
    table = Table("", "", title=f"Team {status.team}", show_header=False)
    for entity, n in status.records.items():
        table.add_row(f"{entity} records", str(n))
    table.add_row("people", str(status.people))
    table.add_row("accounts", str(status.accounts))
    for segment, n in status.segments.items():
        table.add_row(f"segment {segment}", str(n))
    for (entity, reason), n in sorted(status.skipped.items()):
        table.add_row(f"{entity}s not imported: {reason.replace('_', ' ')}", str(n))
    if status.unevaluated:
        table.add_row("still to evaluate", str(status.unevaluated))
    return table
