"""A working day of a sales team, squeezed: edits through the org's REST API at a steady rate."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from sandbox.demo.org_client import OrgClient

COUNTRIES = ("Germany", "France", "Spain", "Sweden", "USA", "Canada", "Japan")
TITLES = ("VP, Marketing", "Chief Revenue Officer", "Account Manager", "Ingénieure", "Analyst; $$ROOT", None)
STATUSES = ("Open - Not Contacted", "Working - Contacted", "Closed - Not Converted")
INDUSTRIES = ("Technology", "Electronics", "Banking", "Retail", "Telecommunications", None)
TYPES = ("Customer - Direct", "Customer - Channel", "Prospect", None)
NOTES = ("Called; wants a $100 off.\nRing again, “soon”.", 'He said "no, thanks"', "a.b$c", None)

SHARES = {"update": 80, "create": 12, "delete": 8}
"""In a hundred edits."""

FEW = 5
"""Fewer records of a kind are not deleted further: there must be something left to edit."""


@dataclass(frozen=True, slots=True)
class Edit:
    kind: Literal["create", "update", "delete"]
    entity: str
    record_id: str | None
    fields: dict[str, Any]


@dataclass(slots=True)
class Alive:
    """What the planned edits leave: deleting an account deletes its contacts too, as in Salesforce."""

    ids: dict[str, list[str]]
    account_of: dict[str, str | None]

    @classmethod
    def read(cls, state: dict[str, dict[str, dict[str, Any]]]) -> Alive:
        return cls(
            {entity: sorted(rows) for entity, rows in state.items()},
            {record_id: row.get("AccountId") for record_id, row in state["Contact"].items()},
        )

    def delete(self, entity: str, record_id: str) -> None:
        self.ids[entity].remove(record_id)
        if entity == "Account":
            self.ids["Contact"] = [each for each in self.ids["Contact"] if self.account_of[each] != record_id]


def plan_edits(state: dict[str, dict[str, dict[str, Any]]], count: int, rng: random.Random) -> list[Edit]:
    """Edits that move records in and out of lists, give and take e-mails and websites, and change owners of data.

    `state`: live rows by entity and id; a record is deleted once, and never edited afterwards.
    """
    alive = Alive.read(state)
    return [plan_edit(alive, number, rng) for number in range(count)]


def plan_edit(alive: Alive, number: int, rng: random.Random) -> Edit:
    entity = rng.choices(("Contact", "Lead", "Account"), weights=(60, 25, 15))[0]
    kind = rng.choices(("update", "create", "delete"), weights=tuple(SHARES.values()))[0]
    if kind == "create" or len(alive.ids[entity]) < FEW:
        return Edit("create", entity, None, new_record(entity, number, alive, rng))
    record_id = rng.choice(alive.ids[entity])
    if kind == "delete":
        alive.delete(entity, record_id)
        return Edit("delete", entity, record_id, {})
    fields = changed_fields(entity, number, alive, rng)
    if "AccountId" in fields:
        alive.account_of[record_id] = fields["AccountId"]
    return Edit("update", entity, record_id, fields)


def new_record(entity: str, number: int, alive: Alive, rng: random.Random) -> dict[str, Any]:
    if entity == "Account":
        return {"Name": f"Neue Firma {number} & Söhne"} | changed_fields(entity, number, alive, rng)
    name = {"FirstName": rng.choice(("Zoë", "Łukasz", "Ann")), "LastName": f"O'Neill-{number}"}
    company = {"Company": f"Studio {number}"} if entity == "Lead" else {}
    return name | company | {"Email": email(number, rng)} | changed_fields(entity, number, alive, rng)


def changed_fields(entity: str, number: int, alive: Alive, rng: random.Random) -> dict[str, Any]:
    choices: dict[str, list[Callable[[], dict[str, Any]]]] = {
        "Contact": [
            lambda: {"MailingCountry": rng.choice(COUNTRIES), "MailingCity": "Ōsaka"},
            lambda: {"Title": rng.choice(TITLES)},
            lambda: {"Email": email(number, rng)},
            lambda: {"AccountId": rng.choice((None, rng.choice(alive.ids["Account"])))},
            lambda: {"Description": rng.choice(NOTES), "Phone": f"+49 30 {number}"},
        ],
        "Lead": [
            lambda: {"Status": rng.choice(STATUSES)},
            lambda: {"Email": email(number, rng)},
            lambda: {"Website": website(number, rng)},
            lambda: {"Rating": rng.choice(("Hot", "Warm", None)), "Title": rng.choice(TITLES)},
        ],
        "Account": [
            lambda: {"Industry": rng.choice(INDUSTRIES), "Type": rng.choice(TYPES)},
            lambda: {"Website": website(number, rng)},
            lambda: {"NumberOfEmployees": rng.randrange(1, 5000), "Description": rng.choice(NOTES)},
        ],
    }
    return rng.choice(choices[entity])()


def email(number: int, rng: random.Random) -> str | None:
    return rng.choice((None, f"person.{number}@firma-{number % 97}.example.com", f"Person{number}@GMAIL.com"))


def website(number: int, rng: random.Random) -> str | None:
    return rng.choice((None, f"http://www.firma-{number % 97}.com/about?x=1", f"FIRMA-{number}.co.uk", "intranet"))


async def make_edits(org: OrgClient, edits: list[Edit], per_second: float, done: Callable[[], None]) -> None:
    """One after the other, each at its time: nothing overtakes, as from one user's hands."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    for number, edit in enumerate(edits):
        await asyncio.sleep(max(0.0, start + number / per_second - loop.time()))
        await make_edit(org, edit)
        done()


async def make_edit(org: OrgClient, edit: Edit) -> None:
    match edit.kind:
        case "create":
            await org.create(edit.entity, {name: value for name, value in edit.fields.items() if value is not None})
        case "update":
            await org.update(edit.entity, str(edit.record_id), edit.fields)
        case "delete":
            await org.delete(edit.entity, str(edit.record_id))
