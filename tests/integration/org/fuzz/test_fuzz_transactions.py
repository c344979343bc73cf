"""Long runs of writes of every kind, most of them allowed: the org's records, ledger and events stay of one mind."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import aiohttp
import orjson
import pytest

from sandbox.org.automation.specs import Automation, ValidationRule
from sandbox.org.config import OrgConfig
from sandbox.org.rows.writes import Actor, Operation, RowResult, Write
from sandbox.org.server import RunningOrg, serve
from tests.support.org_integrity import damage

SEEDS = 4
STEPS = 250
DATA = "/services/data/v62.0"
NAMES = ("Contact", "Account", "Lead")
Body = dict[str, object]
PLAIN = OrgConfig(contacts=6, leads=6, accounts=4)
RULED = replace(
    PLAIN,
    person_accounts=True,
    custom_fields=(
        ("Contact.Code__c", {"type": "Text", "length": 20, "unique": True, "externalId": True}),
        ("Contact.Tag__c", {"type": "Text", "length": 20, "formula": "UPPER(LastName) & Account.Name"}),
        (
            "Account.Deals__c",
            {"type": "Summary", "summaryForeignKey": "Opportunity.AccountId", "summaryOperation": "count"},
        ),
    ),
    validation_rules=(ValidationRule("Contact", "No_Z", "LastName = 'Z'", "Nobody is called Z."),),
    automations=(
        Automation("Lead", {"Description": "'Seen ' & LastName"}, "NOT(ISBLANK(Email))"),
        Automation("Contact", {"Description": "'Of ' & LastName"}, "NOT(ISBLANK(Email))", parent="AccountId"),
    ),
)


class Clerk:
    """Thinks up writes about a few records, so that they get in each other's way."""

    def __init__(self, seed: int, org: RunningOrg) -> None:
        self._rng = random.Random(seed)
        self._org = org
        self._steps: tuple[Callable[[], tuple[str, str, object]], ...] = (
            self.create, self.create, self.update, self.update, self.delete, self.undelete, self.upsert,
            self.collection, self.composite, self.tree, self.merge, self.convert, self.hard_delete,
        )  # fmt: skip

    def step(self) -> tuple[str, str, object]:
        return self._rng.choice(self._steps)()

    def create(self) -> tuple[str, str, object]:
        name = self._rng.choice(NAMES)
        return "POST", f"{DATA}/sobjects/{name}", self._fields(name)

    def update(self) -> tuple[str, str, object]:
        name = self._rng.choice(NAMES)
        fields = self._fields(name)
        fields.pop(self._rng.choice([*fields]))
        return "PATCH", f"{DATA}/sobjects/{name}/{self._id(name)}", fields

    def delete(self) -> tuple[str, str, object]:
        name = self._rng.choice(NAMES)
        return "DELETE", f"{DATA}/sobjects/{name}/{self._id(name)}", None

    def undelete(self) -> tuple[str, str, object]:
        name = self._rng.choice(NAMES)
        return "POST", "/__admin__/undelete", {"object": name, "ids": [self._id(name, deleted=True)]}

    def hard_delete(self) -> tuple[str, str, object]:
        name = self._rng.choice(NAMES)
        return "POST", "/__admin__/records/hard-delete", {"object": name, "ids": [self._id(name, deleted=True)]}

    def upsert(self) -> tuple[str, str, object]:
        fields = self._fields("Contact")
        fields.pop("Email", None)
        return "PATCH", f"{DATA}/sobjects/Contact/Email/{self._email()}", fields

    def collection(self) -> tuple[str, str, object]:
        method = self._rng.choice(["POST", "PATCH", "PATCH"])
        records = [self._record(method) for _ in range(self._rng.randint(1, 8))]
        return method, f"{DATA}/composite/sobjects", {"allOrNone": self._rng.random() < 0.5, "records": records}

    def composite(self) -> tuple[str, str, object]:
        parts = []
        for number in range(self._rng.randint(1, 5)):
            method, url, body = self._rng.choice([self.create, self.update, self.delete, self.upsert])()
            parts.append({"method": method, "url": url, "referenceId": f"r{number}", "body": body})
        return "POST", f"{DATA}/composite", {"allOrNone": self._rng.random() < 0.6, "compositeRequest": parts}

    def tree(self) -> tuple[str, str, object]:
        child: Body = self._fields("Contact") | {"attributes": {"type": "Contact", "referenceId": "c"}}
        child.pop("AccountId", None)
        root = {"attributes": {"type": "Account", "referenceId": "a"}, "Name": "T", "Contacts": {"records": [child]}}
        return "POST", f"{DATA}/composite/tree/Account", {"records": [root]}

    def merge(self) -> tuple[str, str, object]:
        name = self._rng.choice(NAMES)
        body = {"object": name, "winner": self._id(name), "losers": [self._id(name), self._id(name)]}
        return "POST", "/__admin__/records/merge", body

    def convert(self) -> tuple[str, str, object]:
        return "POST", "/__admin__/records/convert", {"lead": self._id("Lead"), "opportunity": True}

    def _record(self, method: str) -> Body:
        name = self._rng.choice(NAMES)
        record: Body = {"attributes": {"type": name}} | self._fields(name)
        return record | {"Id": self._id(name)} if method == "PATCH" else record

    def _fields(self, name: str) -> Body:
        choose = self._rng.choice
        if name == "Account" and choose([True, False, False]) and self._has("Account", "IsPersonAccount"):
            return {"LastName": choose(["P", None]), "PersonEmail": choose([None, "bad", self._email()])}
        if name == "Account":
            return {"Name": choose(["A", "B", "", None]), "ParentId": choose([None, self._id(name)])}
        fields: Body = {"LastName": choose(["X", "Y", "Z", None]), "Email": choose([None, "bad", self._email()])}
        if name == "Contact" and self._has(name, "Code__c"):
            fields["Code__c"] = choose([None, "one", "TWO", "two"])
        if name == "Lead":
            return fields | {"Company": "C", "Rating": choose(["Hot", None])}
        return fields | {
            "AccountId": choose([None, self._id("Account")]),
            "ReportsToId": choose([None, self._id(name)]),
        }

    def _has(self, name: str, field: str) -> bool:
        return field in self._org.org.objects()[name].by_name

    def _email(self) -> str:
        return f"{self._rng.randint(0, 5)}@fuzz.example"

    def _id(self, name: str, *, deleted: bool = False) -> str:
        rows = list(self._org.org.rows(name, deleted=deleted or self._rng.random() < 0.1))
        return str(self._rng.choice(rows)["Id"]) if rows else "003000000000001AAA"


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("config", [PLAIN, RULED], ids=["plain", "ruled"])
async def test_records_ledger_and_events_agree_after_any_writes(config: OrgConfig, seed: int) -> None:
    async with await serve(replace(config, seed=seed)) as org:
        clerk, done = Clerk(seed, org), 0
        headers = {"Authorization": f"Bearer {org.access_token}", "Content-Type": "application/json"}
        async with aiohttp.ClientSession(org.base_url, headers=headers) as http:
            for _ in range(STEPS):
                method, path, body = clerk.step()
                async with http.request(method, path, data=None if body is None else orjson.dumps(body)) as reply:
                    assert reply.status < 500, (method, path, body, await reply.text())
                    done += reply.status < 300
        assert damage(org.org) == []
        assert done > STEPS / 4


async def test_a_record_stays_deleted_while_another_has_its_unique_value() -> None:
    async with await serve(RULED) as running:
        org = running.org
        actor = Actor(org.admin_user_id, "rest")

        def committed(operation: Operation, record_id: str | None, code: str = "") -> RowResult:
            fields: dict[str, object] = {"LastName": "X", "Code__c": code} if code else {}
            return org.commit([Write(operation, "Contact", record_id, fields)], actor)[0]

        first = committed("create", None, "one").record_id
        committed("delete", first)
        second = committed("create", None, "ONE").record_id
        refused = committed("undelete", first)
        assert [error.status_code for error in refused.errors] == ["DUPLICATE_VALUE"]
        committed("delete", second)
        assert committed("undelete", first).success
        assert damage(org) == []


async def test_the_contact_of_a_person_account_goes_nowhere_alone() -> None:
    async with await serve(RULED) as running:
        org = running.org
        actor = Actor(org.admin_user_id, "rest")
        [made] = org.commit([Write("create", "Account", None, {"LastName": "Person"})], actor)
        account = org.get("Account", str(made.record_id))
        assert account is not None
        half = str(account["PersonContactId"])
        operations: tuple[Operation, ...] = ("delete", "hard_delete")
        for operation in operations:
            [refused] = org.commit([Write(operation, "Contact", half, {})], actor)
            assert [error.status_code for error in refused.errors] == ["DELETE_FAILED"]
        [refused] = org.commit([Write("update", "Contact", half, {"AccountId": None})], actor)
        assert [error.fields for error in refused.errors] == [("AccountId",)]
        org.commit([Write("delete", "Account", made.record_id, {})], actor)
        [refused] = org.commit([Write("undelete", "Contact", half, {})], actor)
        assert [error.status_code for error in refused.errors] == ["UNDELETE_FAILED"]
        [restored] = org.commit([Write("undelete", "Account", made.record_id, {})], actor)
        assert restored.success
        assert org.get("Contact", half) is not None
        assert damage(org) == []
