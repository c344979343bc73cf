"""Who changed what and when.

An edit travels in the document that it changes, and is copied from there to the log: by whoever made it, or, if he died
before, by whoever makes the next one. So there is an entry for every version.
"""

from __future__ import annotations

from schemas.documents import AuditEntry, RuleSet
from workers.ports import Store


async def keep_edit(store: Store, rule_set: RuleSet) -> None:
    """Copy the rule set's last edit to the log; nothing happens if it is there."""
    edit = rule_set.edit
    if edit is not None:
        entry_id = f"rules-{edit.version:08d}"
        await store.audit.swap(
            [AuditEntry(team=rule_set.team, entry_id=entry_id, at_ms=edit.at_ms, who=edit.who, what=edit.what)]
        )


async def entries(store: Store, team: str) -> list[AuditEntry]:
    """Newest first."""
    found = [entry async for entry in store.audit.scan(team)]
    return sorted(found, key=lambda entry: (entry.at_ms, entry.entry_id), reverse=True)
