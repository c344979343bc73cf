"""Connections: each team's Salesforce org."""

from __future__ import annotations

import os
import webbrowser
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from workers import wiring
from workers.cli.output import Json, Team, console, print_json, run, show
from workers.ports import Refused
from workers.settings import load_settings

app = typer.Typer(help="Connect teams to their Salesforce orgs, and check the connections.", no_args_is_help=True)

SHARED_LOGINS = ("https://login.salesforce.com", "https://test.salesforce.com")
"""Of all orgs: they serve browsers and JWT, not the client credentials flow."""

MARKS = {"ok": "ok", "warning": "!", "failed": "FAILED", "unknown": "?"}

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
    jwt_key_file: Annotated[
        Path | None, typer.Option(help="No browser: the private key (PEM) of the app's certificate; needs --username.")
    ] = None,
    username: Annotated[str | None, typer.Option(help="The Salesforce user of --jwt-key-file.")] = None,
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
    if client_credentials and login_url.rstrip("/") in SHARED_LOGINS:
        raise Refused(
            "the client credentials flow needs the org's own address: --login-url https://YOURORG.my.salesforce.com "
            "(Setup, My Domain)"
        )
    jwt_user = _jwt_user(jwt_key_file, username)

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
            jwt_user=jwt_user,
        )
    )
    document = {"team": team, "org_id": connection.org_id, "instance_url": connection.instance_url}
    if json:
        print_json(document)
    else:
        console.print(f"team {team} is connected to org {connection.org_id}; capture imports what is not here yet")


def _jwt_user(key_file: Path | None, username: str | None) -> wiring.JwtUser | None:
    if key_file is None:
        return None
    if username is None:
        raise Refused("--jwt-key-file needs --username: the Salesforce user that the app acts as")
    try:
        return wiring.JwtUser(username, key_file.read_text())
    except OSError as error:
        raise Refused(f"--jwt-key-file {key_file}: {error.strerror}") from error


@app.command("list")
def list_connections(json: Json = False) -> None:
    """The connected teams."""
    connections = run(wiring.connections(load_settings()))
    rows = [(c.team, c.org_id, c.instance_url, c.state) for c in connections]
    document = [dict(zip(("team", "org_id", "instance_url", "state"), row, strict=True)) for row in rows]
    show(json, document, ("Team", "Org", "Instance", "State"), rows)


@app.command("check")
def check(team: Team, json: Json = False) -> None:
    """Can the connected user do what Segment Sync needs? Says what an administrator must change; ends with 1 then."""
    found = run(wiring.check_team(load_settings(), team))
    document = [asdict(finding) for finding in found]
    rows = [
        (MARKS[finding.outcome], finding.check, finding.entity or "", f"{finding.says}\n{finding.remedy}".strip())
        for finding in found
    ]
    show(json, document, ("", "Check", "Entity", "What is so, and what to do"), rows)
    if any(finding.outcome == "failed" for finding in found):
        raise typer.Exit(1)
