"""Who may do what with the scores API."""

from __future__ import annotations

from pydantic import TypeAdapter, ValidationError

from schemas.documents import Scope
from schemas.events import TeamId
from workers.core.score_tokens import admits, parts_of
from workers.ports import Store

_TEAM: TypeAdapter[str] = TypeAdapter(TeamId)


class Tokens:
    """Implements `workers.ports.Admission`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def scopes(self, team: str, token: str) -> frozenset[Scope]:
        """Looked up each time, so that a token that is revoked ends at once."""
        parts = parts_of(token)
        if parts is None or not _is_team(team):
            return frozenset()
        token_id, secret = parts
        known = (await self._store.score_tokens.load([(team, token_id)])).get((team, token_id))
        return frozenset(known.scopes) if known is not None and admits(known, secret) else frozenset()


def _is_team(text: str) -> bool:
    try:
        _TEAM.validate_python(text)
    except ValidationError:
        return False
    return True
