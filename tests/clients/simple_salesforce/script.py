"""What an integration does with simple-salesforce, checked against the org's own ledger and state.

`python -m tests.clients.simple_salesforce.script < credentials.json` runs it against any simulated org that speaks
TLS; the credentials are the line that `segment-sync sandbox --json` prints, and SSL_CERT_FILE names the certificate.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from simple_salesforce import Salesforce

from tests.clients.simple_salesforce.hosts import session_to

VERSION = "62.0"
# REST guide: the most rows that a list view's results come with.
MAX_RESULTS = 2000
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Judge:
    """The client under its own account, and the org's side of the story."""

    credentials: Mapping[str, str]
    session: requests.Session

    def log_in(self, **changes: Any) -> Salesforce:
        """By SOAP, with user name, password and security token."""
        names = ("username", "password", "security_token")
        login = {name: self.credentials[name] for name in names} | changes
        return Salesforce(**login, session=self.session, version=VERSION, client_id="judge")

    def admin(self, path: str) -> Any:
        reply = self.session.get(f"{self.credentials['admin_url']}{path}")
        reply.raise_for_status()
        return reply

    def state(self, object_name: str) -> dict[str, Row]:
        """The live rows of the org by id; null fields are absent."""
        return {row["Id"]: row for row in self.admin(f"/state/{object_name}").json()}

    def ledger_length(self) -> int:
        return int(self.admin("/counts").json()["ledger"])

    def ledger_after(self, number: int) -> list[Row]:
        lines = self.admin(f"/ledger?after={number}").text.splitlines()
        return [json.loads(line) for line in lines]


def check_queries(judge: Judge, salesforce: Salesforce) -> None:
    contacts = judge.state("Contact")
    found = salesforce.query_all("SELECT Id, LastName, Email, Account.Name FROM Contact")
    assert found["totalSize"] == len(contacts)
    assert {row["Id"]: row["Email"] for row in found["records"]} == values_of(contacts.values(), "Email")
    accounts = judge.state("Account")
    for row in found["records"]:
        parent = contacts[row["Id"]].get("AccountId")
        assert (row["Account"] or {}).get("Name") == (accounts[parent]["Name"] if parent else None)
    assert salesforce.query("SELECT COUNT() FROM Lead")["totalSize"] == len(judge.state("Lead"))
    lazily = salesforce.query_all_iter("SELECT Id FROM Lead WHERE Email != null")
    assert {row["Id"] for row in lazily} == {key for key, row in judge.state("Lead").items() if "Email" in row}


def check_describe(judge: Judge, salesforce: Salesforce) -> None:
    names = {one["name"] for one in salesforce.describe()["sobjects"]}
    assert {"Account", "Contact", "Lead"} <= names
    described = salesforce.Contact.describe()
    fields = {one["name"]: one for one in described["fields"]}
    assert described["keyPrefix"] == "003"
    assert fields["AccountId"]["referenceTo"] == ["Account"]
    known = set().union(*judge.state("Contact").values())
    assert known <= fields.keys()
    basic = salesforce.Contact.metadata()
    assert basic["objectDescribe"]["name"] == "Contact"


def check_records(judge: Judge, salesforce: Salesforce) -> None:
    """Create, read, change and delete one record; every step is one entry of the ledger."""
    start = judge.ledger_length()
    contact_id = salesforce.Contact.create({"LastName": "O'Brien", "Email": "o@judge.example"})["id"]
    read = salesforce.Contact.get(contact_id)
    assert (read["LastName"], read["Email"]) == ("O'Brien", "o@judge.example")
    assert salesforce.Contact.update(contact_id, {"Title": "Łucznik"}) == 204
    assert judge.state("Contact")[contact_id]["Title"] == "Łucznik"
    assert salesforce.Contact.delete(contact_id) == 204
    assert contact_id not in judge.state("Contact")
    entries = judge.ledger_after(start)
    assert [(one["operation"], one["recordId"]) for one in entries] == [
        ("create", contact_id),
        ("update", contact_id),
        ("delete", contact_id),
    ]
    deleted = salesforce.query_all("SELECT Id, IsDeleted FROM Contact WHERE IsDeleted = true", include_deleted=True)
    assert contact_id in {row["Id"] for row in deleted["records"]}


def check_list_views(judge: Judge, salesforce: Salesforce) -> None:
    """Every list of every page: its own query and its results agree, as far as results go."""
    views = []
    page = salesforce.restful("sobjects/Contact/listviews")
    views += page["listviews"]
    while not page["done"]:
        path = page["nextRecordsUrl"].split(f"/v{VERSION}/")[1]
        page = salesforce.restful(path)
        views += page["listviews"]
    assert {"AllContacts", "MyContacts"} <= {view["developerName"] for view in views}
    for view in views:
        described = salesforce.restful(f"sobjects/Contact/listviews/{view['id']}/describe")
        results = salesforce.restful(f"sobjects/Contact/listviews/{view['id']}/results", params={"limit": MAX_RESULTS})
        shown = {ids_of(row) for row in results["records"]}
        if described["scope"] != "mru":
            members = {row["Id"] for row in salesforce.query_all(described["query"])["records"]}
            assert shown <= members
            assert len(shown) == min(len(members), MAX_RESULTS)
        assert shown <= judge.state("Contact").keys()


def ids_of(row: Row) -> str:
    return next(str(column["value"]) for column in row["columns"] if column["fieldNameOrPath"] == "Id")


def check_bulk_query(judge: Judge, salesforce: Salesforce) -> None:
    """In pages of seven, so that locators are followed."""
    pages = list(salesforce.bulk2.Contact.query("SELECT Id, Email FROM Contact", max_records=7, wait=0))
    rows = [row for page in pages for row in csv.DictReader(page.splitlines())]
    contacts = judge.state("Contact")
    assert len(pages) == -(-len(contacts) // 7)
    assert len(rows) == len(contacts)
    assert {row["Id"]: row["Email"] or None for row in rows} == values_of(contacts.values(), "Email")


def check_bulk_ingest(judge: Judge, salesforce: Salesforce) -> None:
    """Insert with refused rows, update, delete: the result files and the ledger tell the same."""
    leads = salesforce.bulk2.Lead
    good = [{"LastName": f"Bulk {n}", "Company": "Judge, Inc.", "Email": f"b{n}@judge.example"} for n in range(20)]
    refused = [{"LastName": "", "Company": "Nameless", "Email": f"none{n}@judge.example"} for n in range(3)]
    start = judge.ledger_length()
    (job,) = leads.insert(records=good + refused, wait=0)
    assert (job["numberRecordsProcessed"], job["numberRecordsFailed"]) == (23, 3)
    files = leads.get_all_ingest_records(job["job_id"])
    created = {row["sf__Id"]: row["Email"] for row in files["successfulRecords"]}
    assert set(created.values()) == {row["Email"] for row in good}
    assert {row["Email"] for row in files["failedRecords"]} == {row["Email"] for row in refused}
    assert all(row["sf__Error"].startswith("REQUIRED_FIELD_MISSING") for row in files["failedRecords"])
    assert files["unprocessedRecords"] == []
    entries = judge.ledger_after(start)
    assert {one["recordId"]: one["after"]["Email"] for one in entries} == created

    leads.update(records=[{"Id": key, "Rating": "Hot"} for key in created], wait=0)
    state = judge.state("Lead")
    assert {state[key]["Rating"] for key in created} == {"Hot"}
    (job,) = leads.delete(records=[{"Id": key} for key in created], wait=0)
    assert job["numberRecordsFailed"] == 0
    assert not judge.state("Lead").keys() & created.keys()
    operations = [one["operation"] for one in judge.ledger_after(start)]
    assert {name: operations.count(name) for name in operations} == {"create": 20, "update": 20, "delete": 20}


def check_parallel_bulk_ingest(judge: Judge, salesforce: Salesforce) -> None:
    """Four jobs at a time, in the other dialect of CSV."""
    rows = [{"LastName": f'Semi;colon "{n}"', "Company": f"Parallel {n}"} for n in range(40)]
    start, dialect = judge.ledger_length(), {"line_ending": "CRLF", "column_delimiter": "SEMICOLON"}
    jobs = salesforce.bulk2.Lead.insert(records=rows, batch_size=10, concurrency=4, wait=0, **dialect)
    assert [(job["numberRecordsProcessed"], job["numberRecordsFailed"]) for job in jobs] == [(10, 0)] * 4
    created = [one["after"] for one in judge.ledger_after(start)]
    assert {row["Company"]: row["LastName"] for row in created} == {row["Company"]: row["LastName"] for row in rows}


def check_a_session_that_ends(judge: Judge, salesforce: Salesforce) -> None:
    """The client logs in again by itself when its session is gone."""
    before = salesforce.session_id
    judge.session.post(f"{judge.credentials['admin_url']}/tokens/revoke").raise_for_status()
    assert salesforce.query("SELECT Id FROM Contact LIMIT 1")["done"] is True
    assert salesforce.session_id != before


def values_of(rows: Iterable[Row], field: str) -> dict[str, Any]:
    return {row["Id"]: row.get(field) for row in rows}


CHECKS: tuple[Callable[[Judge, Salesforce], None], ...] = (
    check_queries,
    check_describe,
    check_records,
    check_list_views,
    check_bulk_query,
    check_bulk_ingest,
    check_parallel_bulk_ingest,
    check_a_session_that_ends,
)


def main() -> None:
    credentials = json.load(sys.stdin)
    judge = Judge(credentials, session_to(credentials["login_url"], Path(os.environ["SSL_CERT_FILE"])))
    salesforce = judge.log_in()
    for check in CHECKS:
        check(judge, salesforce)
        sys.stdout.write(f"{check.__name__}: ok\n")


if __name__ == "__main__":
    main()
