"""An edit that changes nothing is told so: no new version, no entry in the history."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.documents import Destination, ListDefinition, RuleSet
from workers.console.rules import RuleChange, activating_rule, adding_rule, deactivating_rule, editing_rule
from workers.ports import Refused
from workers.runtime.edits import By, RuleSetEdit

BY = By("ada", 0)
LIST = ListDefinition(
    list_id="00B000000000001AAA", entity="lead", label="Hot", scope="everything", where={}, fetched_at_ms=0
)
SEGMENT = Destination(kind="segment", segment_id="hot")


@pytest.fixture
def active() -> RuleSet:
    return adding_rule("lead", [LIST], SEGMENT, BY)(RuleSet(team="acme"))[0]


@pytest.mark.parametrize(
    "edit",
    [
        editing_rule("lead-1", RuleChange(), BY),
        editing_rule("lead-1", RuleChange(add=[LIST], destination=SEGMENT, on_leave="remove"), BY),
        activating_rule("lead-1", BY),
    ],
)
def test_of_an_active_rule(edit: RuleSetEdit[Any], active: RuleSet) -> None:
    with pytest.raises(Refused, match=r"nothing to change: rule lead-1 already is leads of Hot -> segment hot$"):
        edit(active)


def test_of_one_that_is_not_active(active: RuleSet) -> None:
    idle = deactivating_rule("lead-1", BY)(active)[0]
    with pytest.raises(Refused, match=r"\(not active\)$"):
        deactivating_rule("lead-1", BY)(idle)
    deactivating_rule("lead-1", BY, remove=True)(idle)  # its members may still be removed
