"""How a team's insights are written back."""

from __future__ import annotations

from schemas.documents import WritebackSettings
from workers.ports import Store


async def settings_of(store: Store, team: str) -> WritebackSettings:
    """The defaults when the team never changed any."""
    return (await store.writeback_settings.load([(team, team)])).get((team, team)) or WritebackSettings(team=team)
