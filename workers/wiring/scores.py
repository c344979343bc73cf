"""Tokens of the scores API: one function per command, from settings to result."""

from __future__ import annotations

from collections.abc import Collection

from schemas.documents import Scope, ScoreToken
from workers.console import score_tokens
from workers.settings import Settings
from workers.wiring.resources import team_store
from workers.wiring.rules import by


async def create_score_token(
    settings: Settings, team: str, name: str, scopes: Collection[Scope]
) -> tuple[ScoreToken, str]:
    """The token, and its text, which is shown once."""
    async with team_store(settings, team) as opened:
        return await score_tokens.create(opened, team, name, by(), scopes)


async def score_tokens_of(settings: Settings, team: str) -> list[ScoreToken]:
    async with team_store(settings, team) as opened:
        return await score_tokens.tokens(opened, team)


async def revoke_score_token(settings: Settings, team: str, token_id: str) -> ScoreToken:
    async with team_store(settings, team) as opened:
        return await score_tokens.revoke(opened, team, token_id, by())
