"""When lists in use are compared with the org."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.documents import Job, Rule, RuleSet

EARLIEST, LATEST = 0.9, 1.1
"""Of the interval: lists that were added together do not stay together."""


def lists_in_use(rule_set: RuleSet) -> dict[str, int]:
    """By list id, since when the list is what it is and is used as it is."""
    return {
        list_id: max(definition.fetched_at_ms, *(_changed_ms(rule) for rule in users))
        for list_id, definition in rule_set.lists.items()
        if (users := tuple(_users(rule_set.rules, list_id)))
    }


def _users(rules: Iterable[Rule], list_id: str) -> Iterable[Rule]:
    return (rule for rule in rules if rule.active and list_id in rule.list_ids)


def _changed_ms(rule: Rule) -> int:
    return rule.changed_at_ms or rule.created_at_ms


def next_comparison_ms(
    since_ms: int, last: Job | None, interval_ms: int, drawn: float, now_ms: int, *, by_org: bool
) -> int:
    """When a list is due that has been used as it is since then; `drawn` from 0 to 1 spreads lists over the interval.

    At once where only the org can tell who is in a list that is new, or was changed.
    """
    last_ms = None if last is None else last.finished_at_ms
    if by_org and (last_ms is None or last_ms < since_ms):
        return now_ms
    if last_ms is None:
        return since_ms + round(interval_ms * drawn)
    return last_ms + pause_ms(interval_ms, drawn)


def pause_ms(interval_ms: int, drawn: float) -> int:
    """Until the next comparison."""
    return round(interval_ms * (EARLIEST + (LATEST - EARLIEST) * drawn))
