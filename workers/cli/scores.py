"""Scores handed in over HTTP: the process, and the tokens that admit platforms to it."""

from __future__ import annotations

from typing import Annotated

import typer

from schemas.documents import ScoreToken
from workers import wiring
from workers.cli.output import Json, Team, console, print_json, run, show
from workers.cli.status import moment
from workers.settings import load_settings

app = typer.Typer(help="Admit ad platforms that hand in scores over HTTP.", no_args_is_help=True)


def scores_api() -> None:
    """Take in engagement scores over HTTP, for platforms without Kafka, until SIGTERM.

    `POST /v1/teams/TEAM/scores` takes a JSON array, or one score a line (NDJSON); `/openapi.json` describes it. Run as
    many as you like.
    """
    run(wiring.run_scores_api(load_settings()))


@app.command("create-token")
def create_token(
    team: Team,
    name: Annotated[str, typer.Option(help="Who will use it, such as “ad platform, production”.")],
    json: Json = False,
) -> None:
    """Make a token that admits to the team's scores. It is shown once: keep it as you keep a password."""
    token, text = run(wiring.create_score_token(load_settings(), team, name))
    if json:
        print_json({"token_id": token.token_id, "name": token.name, "token": text})
        return
    console.print(f"token {token.token_id} for “{token.name}”; it is not shown again:", markup=False)
    typer.echo(text)


@app.command("tokens")
def tokens(team: Team, json: Json = False) -> None:
    """The team's tokens, oldest first. What they are is not known to anybody but their users."""
    found = run(wiring.score_tokens_of(load_settings(), team))
    document = [token.model_dump(mode="json", exclude={"team", "rev", "digest"}) for token in found]
    rows = [(t.token_id, t.name, moment(t.created_at_ms), t.created_by, _state(t)) for t in found]
    show(json, document, ("Token", "Name", "Made", "By", "State"), rows)


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
