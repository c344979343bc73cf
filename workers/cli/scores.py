"""The scores API: the process, and the tokens that admit platforms to it."""

from __future__ import annotations

from typing import Annotated, get_args

import typer
from pydantic import TypeAdapter, ValidationError

from schemas.documents import Scope, ScoreToken
from workers import wiring
from workers.cli.output import Json, Team, console, print_json, run, show
from workers.cli.status import moment
from workers.console.score_tokens import HAND_IN
from workers.settings import load_settings

app = typer.Typer(
    help="Admit ad platforms to the scores API: to hand scores in, to read what became of them.", no_args_is_help=True
)


def scores_api() -> None:
    """Take in engagement scores over HTTP, for platforms without Kafka, and report what became of them, until SIGTERM.

    `POST /v1/teams/TEAM/scores` takes a JSON array, or one score a line (NDJSON); `GET /v1/teams/TEAM/writeback/runs`
    tells the runs that wrote them to Salesforce; `/openapi.json` describes it all. Run as many as you like.
    """
    run(wiring.run_scores_api(load_settings()))


@app.command("create-token")
def create_token(
    team: Team,
    name: Annotated[str, typer.Option(help="Who will use it, such as “ad platform, production”.")],
    scope: Annotated[
        list[str],
        typer.Option(
            metavar="SCOPE",
            help="What it may do, repeatable: scores:write (hand scores in), writeback:read (read runs, rows).",
        ),
    ] = [*HAND_IN],  # noqa: B006 - typer copies it
    json: Json = False,
) -> None:
    """Make a token of the team for the scores API. It is shown once: keep it as you keep a password.

    Without --scope it may hand scores in, and read nothing.
    """
    scopes = scopes_of(scope)
    token, text = run(wiring.create_score_token(load_settings(), team, name, scopes))
    if json:
        print_json({"token_id": token.token_id, "name": token.name, "scopes": token.scopes, "token": text})
        return
    console.print(f"token {token.token_id} for “{token.name}”; it is not shown again:", markup=False)
    typer.echo(text)


def scopes_of(given: list[str]) -> tuple[Scope, ...]:
    try:
        return TypeAdapter(tuple[Scope, ...]).validate_python(given)
    except ValidationError as error:
        wrong = error.errors()[0]["input"]
        raise typer.BadParameter(f"{wrong!r} is no scope: there are {', '.join(get_args(Scope))}") from None


@app.command("tokens")
def tokens(team: Team, json: Json = False) -> None:
    """The team's tokens, oldest first. What they are is not known to anybody but their users."""
    found = run(wiring.score_tokens_of(load_settings(), team))
    document = [token.model_dump(mode="json", exclude={"team", "rev", "digest"}) for token in found]
    rows = [(t.token_id, t.name, ", ".join(t.scopes), moment(t.created_at_ms), t.created_by, _state(t)) for t in found]
    show(json, document, ("Token", "Name", "May", "Made", "By", "State"), rows)


@app.command("revoke-token")
def revoke_token(
    team: Team,
    token_id: Annotated[str, typer.Argument(metavar="TOKEN", help="As `scores tokens` shows it.")],
    json: Json = False,
) -> None:
    """End a token, at once."""
    revoked = run(wiring.revoke_score_token(load_settings(), team, token_id))
    if json:
        print_json(revoked.model_dump(mode="json", exclude={"team", "rev", "digest"}))
    else:
        console.print(f"token {token_id} (“{revoked.name}”) is revoked", markup=False)


def _state(token: ScoreToken) -> str:
    if token.revoked_at_ms is None:
        return "in use"
    return f"revoked {moment(token.revoked_at_ms)} by {token.revoked_by}"
