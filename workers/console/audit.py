"""Who changed what and when; `workers.runtime.edits` writes it."""

from __future__ import annotations

from schemas.documents import AuditEntry
from workers.ports import Store


async def entries(store: Store, team: str) -> list[AuditEntry]:
    """Newest first."""
    found = [entry async for entry in store.audit.scan(team)]
    return sorted(found, key=lambda entry: (entry.at_ms, entry.entry_id), reverse=True)
