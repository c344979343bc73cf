"""Tokens of the scores API: made, shown once, revoked."""

from __future__ import annotations

import secrets
from collections.abc import Collection

from schemas.documents import AuditEntry, Scope, ScoreToken
from workers.core.score_tokens import SECRET_BYTES, digest_of, text_of
from workers.ports import Refused, Store, Unavailable
from workers.runtime.edits import By

HAND_IN: tuple[Scope, ...] = ("scores:write",)


async def create(
    store: Store, team: str, name: str, by: By, scopes: Collection[Scope] = HAND_IN
) -> tuple[ScoreToken, str]:
    """The token as it rests, and its text, which nobody can tell afterwards. Raises Refused."""
    if not name.strip():
        raise Refused("--name is empty: say who will use the token")
    token_id, secret = secrets.token_hex(4), secrets.token_urlsafe(SECRET_BYTES)
    token = ScoreToken(
        team=team,
        token_id=token_id,
        name=name,
        scopes=tuple(sorted(set(scopes))),
        digest=digest_of(secret),
        created_at_ms=by.now_ms,
        created_by=by.who,
    )
    if await store.score_tokens.swap([token]):
        raise Unavailable("another token has just been given the same id: try again")
    await _log(store, token, "created", by)
    return token, text_of(token_id, secret)


async def tokens(store: Store, team: str) -> list[ScoreToken]:
    """Oldest first, revoked ones too."""
    found = [token async for token in store.score_tokens.scan(team)]
    return sorted(found, key=lambda token: token.created_at_ms)


async def revoke(store: Store, team: str, token_id: str, by: By) -> ScoreToken:
    """Counts at once. Raises Refused when the team has no such token that is in use."""
    token = (await store.score_tokens.load([(team, token_id)])).get((team, token_id))
    if token is None or token.revoked_at_ms is not None:
        raise Refused(
            f"team {team} has no token {token_id} in use: `segment-sync scores tokens {team}` shows what there is"
        )
    revoked = token.model_copy(update={"revoked_at_ms": by.now_ms, "revoked_by": by.who})
    if await store.score_tokens.swap([revoked]):
        raise Unavailable(f"the token {token_id} is being changed by somebody else: try again")
    await _log(store, token, "revoked", by)
    return revoked


async def _log(store: Store, token: ScoreToken, done: str, by: By) -> None:
    what = f"token {token.token_id} of the scores API ({', '.join(token.scopes)}) {done}: “{token.name}”"
    entry_id = f"score-token-{token.token_id}-{done}"
    await store.audit.swap([AuditEntry(team=token.team, entry_id=entry_id, at_ms=by.now_ms, who=by.who, what=what)])
