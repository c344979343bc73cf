from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from sandbox.demo.edits import Edit, make_edits, plan_edits
from sandbox.demo.org_client import OrgClient

State = dict[str, dict[str, dict[str, Any]]]


def org(contacts: int = 40, leads: int = 20, accounts: int = 20) -> State:
    """Every account but the last has contacts."""
    firms: dict[str, dict[str, Any]] = {f"a{number}": {} for number in range(accounts)}
    people = {f"c{number}": {"AccountId": f"a{number % (accounts - 1)}"} for number in range(contacts)}
    return {"Contact": people, "Lead": {f"l{number}": {} for number in range(leads)}, "Account": firms}


def plan(count: int, seed: int = 1, state: State | None = None) -> list[Edit]:
    return plan_edits(state or org(), count, random.Random(seed))


def play(state: State, edits: list[Edit]) -> State:
    """The org's own rules: raises KeyError on a record that does not exist (any more)."""
    rows = {entity: {record_id: dict(row) for record_id, row in found.items()} for entity, found in state.items()}
    for number, edit in enumerate(edits):
        if edit.kind == "create":
            rows[edit.entity][f"new{number}"] = dict(edit.fields)
        elif edit.kind == "update":
            rows[edit.entity][str(edit.record_id)].update(edit.fields)
            assert edit.fields.get("AccountId") in {None, *rows["Account"]}
        else:
            del rows[edit.entity][str(edit.record_id)]
            if edit.entity == "Account":
                orphans = [c for c, row in rows["Contact"].items() if row.get("AccountId") == edit.record_id]
                for contact in orphans:
                    del rows["Contact"][contact]
    return rows


def test_the_same_seed_plans_the_same_edits() -> None:
    assert plan(200, seed=3) == plan(200, seed=3) != plan(200, seed=4)


def test_as_many_edits_as_asked_for() -> None:
    assert len(plan(137)) == 137
    assert plan(0) == []


@pytest.mark.parametrize("seed", range(10))
def test_only_records_that_exist_are_edited(seed: int) -> None:
    state = org()
    play(state, plan(400, seed, state))


@pytest.mark.parametrize("seed", range(5))
def test_something_is_left_to_edit(seed: int) -> None:
    state = org(contacts=6, leads=6, accounts=6)
    left = play(state, plan(500, seed, state))
    assert all(left.values())


def test_the_kinds_come_in_their_shares() -> None:
    kinds = Counter(edit.kind for edit in plan(2000, state=org(2000, 1000, 1000)))
    assert 0.75 < kinds["update"] / 2000 < 0.85
    assert kinds["create"] > 150
    assert kinds["delete"] > 100


def test_the_edits_take_and_give_what_decides_an_import() -> None:
    updates = [edit for edit in plan(1000, state=org(500, 300, 300)) if edit.kind == "update"]
    for entity, name in (("Contact", "Email"), ("Contact", "AccountId"), ("Lead", "Status"), ("Account", "Website")):
        values = {edit.fields[name] for edit in updates if edit.entity == entity and name in edit.fields}
        assert len(values) > 2, name
        assert None in values or name == "Status"


def test_a_new_record_has_what_the_org_requires() -> None:
    created = [edit.fields for edit in plan(500) if edit.kind == "create" and edit.entity == "Lead"]
    assert created
    assert all(fields["LastName"] and fields["Company"] for fields in created)


class Recorded(OrgClient):
    """Notes the calls instead of making them."""

    calls: list[tuple[object, ...]]

    def __init__(self) -> None:
        self.calls = []

    async def create(self, entity: str, fields: dict[str, Any]) -> str:
        self.calls.append(("create", entity, fields))
        return "x"

    async def update(self, entity: str, record_id: str, fields: dict[str, Any]) -> None:
        self.calls.append(("update", entity, record_id, fields))

    async def delete(self, entity: str, record_id: str) -> None:
        self.calls.append(("delete", entity, record_id))


async def test_edits_are_made_one_after_the_other() -> None:
    """A field is cleared by null in an update; in a create, null is left out."""
    edits = [
        Edit("create", "Contact", None, {"LastName": "A", "Email": None}),
        Edit("update", "Contact", "c1", {"Email": None}),
        Edit("delete", "Contact", "c1", {}),
    ]
    recorded, done = Recorded(), []
    await make_edits(recorded, edits, per_second=1e6, done=lambda: done.append(len(recorded.calls)))
    assert recorded.calls == [
        ("create", "Contact", {"LastName": "A"}),
        ("update", "Contact", "c1", {"Email": None}),
        ("delete", "Contact", "c1"),
    ]
    assert done == [1, 2, 3]
