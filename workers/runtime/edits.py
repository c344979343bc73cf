"""Editing a team's rule set: one write under the next version, with who did what and when.

An edit travels in the document that it changes, and is copied from there to the audit log: by whoever made it, or, if
he died before, by whoever makes the next one. So there is an entry for every version.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from schemas.documents import AuditEntry, Edit, RuleSet
from workers.ports import Store, Unavailable
from workers.runtime.rule_sets import compiled_for

T = TypeVar("T")

RuleSetEdit: TypeAlias = Callable[[RuleSet], tuple[RuleSet, T, str]]
"""Returns the rule set after it, a result, and what it did in words, for the audit log. Raises Refused."""

EDIT_ATTEMPTS = 10
"""Edits of one team's rule set that may cross; people do not click faster than that."""


@dataclass(frozen=True, slots=True)
class By:
    """Who does something, and when."""

    who: str
    now_ms: int


async def rule_set_of(store: Store, team: str) -> RuleSet:
    return (await store.rule_sets.load([(team, team)])).get((team, team)) or RuleSet(team=team)


async def keep_edit(store: Store, rule_set: RuleSet) -> None:
    """Copy the rule set's last edit to the log; nothing happens if it is there."""
    await log_edit(store, rule_set.team, "rules", rule_set.edit)


async def log_edit(store: Store, team: str, of: str, edit: Edit | None) -> None:
    if edit is not None:
        entry_id = f"{of}-{edit.version:08d}"
        await store.audit.swap(
            [AuditEntry(team=team, entry_id=entry_id, at_ms=edit.at_ms, who=edit.who, what=edit.what)]
        )


def edited(before: RuleSet, edit: RuleSetEdit[T], by: By) -> tuple[RuleSet, T]:
    """The rule set after an edit, under the next version. Raises Refused when it could not be applied."""
    after, result, what = edit(before)
    version = before.version + 1
    made = Edit(version=version, at_ms=by.now_ms, who=by.who, what=what)
    after = after.model_copy(update={"version": version, "edit": made})
    compiled_for(after, by.now_ms)
    return after, result


async def edit_rule_set(store: Store, team: str, edit: RuleSetEdit[T], by: By) -> T:
    """One compare-and-swap; an edit that crossed another is made again on its result."""
    for _ in range(EDIT_ATTEMPTS):
        before = await rule_set_of(store, team)
        await keep_edit(store, before)
        after, result = edited(before, edit, by)
        if not await store.rule_sets.swap([after]):
            await keep_edit(store, after)
            return result
    raise Unavailable(f"the rules of team {team} are being edited by others: try again")
