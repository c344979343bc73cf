"""A query that an index answers has the rows that a look at every row has."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.rows.tables import Snapshot
from sandbox.org.soql.execute import prepare, run
from sandbox.org.store.org import Actor, Org, Row, Write

ACCOUNT, FIRST, SECOND, OTHER = "001000000000001AAA", "003000000000001AAA", "003000000000002AAA", "003000000000003AAA"


class Watched(Org):
    """An org that counts who reads a whole table."""

    scans = 0

    def rows(self, object_name: str, *, deleted: bool = False) -> Snapshot:
        self.scans += 1
        return super().rows(object_name, deleted=deleted)


@pytest.fixture
def org() -> Watched:
    org = Watched(OrgConfig())
    org.load("Account", [{"Id": ACCOUNT, "Name": "Acme"}])
    contacts: Iterable[Row] = (
        {"Id": record_id, "LastName": name, "AccountId": ACCOUNT, "Email": f"{name}@acme.example"}
        for record_id, name in ((FIRST, "Ann"), (SECOND, "Bo"))
    )
    org.load("Contact", [*contacts, {"Id": OTHER, "LastName": "Cy"}])
    org.scans = 0
    return org


def found(org: Org, where: str) -> list[object]:
    rows = run(org, f"SELECT Id FROM Contact WHERE {where}", org.admin_user_id).rows  # noqa: S608
    return [row["Id"] for row in rows]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (f"Id = '{FIRST}'", [FIRST]),
        (f"Id = '{FIRST[:15]}'", [FIRST]),
        (f"Id IN ('{SECOND}', '{FIRST}', '{FIRST}')", [SECOND, FIRST]),
        (f"AccountId = '{ACCOUNT}' AND LastName = 'Bo'", [SECOND]),
        (f"LastName = 'Ann' AND (AccountId = '{ACCOUNT}' AND Id != null)", [FIRST]),
        ("Id = '003000000000009AAA'", []),
        (f"Id = '{FIRST}' AND LastName = 'Bo'", []),
    ],
)
def test_what_an_index_finds(org: Watched, where: str, expected: list[str]) -> None:
    assert found(org, where) == expected
    assert org.scans == 0


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (f"Id = '{FIRST}' OR LastName = 'Cy'", [FIRST, OTHER]),
        (f"NOT Id = '{FIRST}'", [SECOND, OTHER]),
        (f"Id != '{FIRST}'", [SECOND, OTHER]),
        (f"AccountId IN ('{ACCOUNT}', null)", [FIRST, SECOND, OTHER]),
        ("Account.Name = 'Acme'", [FIRST, SECOND]),
    ],
)
def test_what_it_cannot_find(org: Watched, where: str, expected: list[str]) -> None:
    assert found(org, where) == expected
    assert org.scans


def test_an_index_knows_what_was_written_since(org: Watched) -> None:
    where = f"AccountId = '{ACCOUNT}'"
    assert found(org, where) == [FIRST, SECOND]
    actor = Actor(org.admin_user_id, "rest")
    org.commit([Write("update", "Contact", FIRST, {"AccountId": None}), Write("delete", "Contact", SECOND, {})], actor)
    org.commit([Write("update", "Contact", OTHER, {"AccountId": ACCOUNT})], actor)
    assert found(org, where) == [OTHER]


def test_the_recycle_bin_is_searched_whole(org: Watched) -> None:
    org.commit([Write("delete", "Contact", FIRST, {})], Actor(org.admin_user_id, "rest"))
    query = f"SELECT Id FROM Contact WHERE Id = '{FIRST}'"  # noqa: S608
    assert not run(org, query, org.admin_user_id).rows
    assert len(run(org, query, org.admin_user_id, deleted=True).rows) == 1


def test_a_limit_without_an_order_ends_the_search(org: Watched) -> None:
    prepared = prepare(org, "SELECT Id FROM Contact LIMIT 1 OFFSET 1", org.admin_user_id)
    assert [row["Id"] for row in prepared.run(org).rows] == [SECOND]
    assert len(prepared.filtered(org, deleted=False, at_most=1)) == 1
