"""Lists that only the org can evaluate: when its answer is due, and what an answer changes."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.documents import Record
from schemas.events import Reevaluation
from workers.core.evaluation import CompiledRuleSet
from workers.core.merge import latest_version


def asking(before: Record | None, after: Record, rules: CompiledRuleSet) -> Mapping[str, object]:
    """`answers` and `answers_due` of a record that is about to be written.

    The org is asked about a record once that changes. Whom a list held before, its first comparison with the org tells:
    one query instead of one for every 200 records. An answer to a list that is out of order waits for its return.
    """
    index = rules.by_entity[after.entity].index
    if not after.alive or after.full_version is None or not index.answered:
        return {"answers": {}, "answers_due": ()}
    known = {list_id: answer for list_id, answer in after.answers.items() if list_id in index.answered}
    asked = index.asked
    due = asked if _changed(before, after) else tuple(each for each in asked if each in after.answers_due)
    return {"answers": known, "answers_due": due}


def _changed(before: Record | None, after: Record) -> bool:
    """Also by a formula that was computed anew, which leaves no version behind."""
    return before is None or latest_version(before) != latest_version(after) or before.fields != after.fields


def answered(record: Record, command: Reevaluation) -> Record:
    """The record with the org's answers; the same object when they are about an older state of it."""
    newest = latest_version(record)
    if not command.answers or command.answers_for is None or (newest is not None and newest > command.answers_for):
        return record
    return record.model_copy(
        update={
            "answers": record.answers | command.answers,
            "answers_due": tuple(each for each in record.answers_due if each not in command.answers),
        }
    )
