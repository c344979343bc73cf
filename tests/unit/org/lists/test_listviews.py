"""whereCondition JSON as SOQL, and the list views of a new org against a filter written out here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.lists.conditions import NO_CONDITION, ConditionError, Json, all_of, any_of, leaf, to_soql
from sandbox.org.lists.store import ListViews
from sandbox.org.seeding.fill import seed
from sandbox.org.soql.execute import run
from sandbox.org.store.org import Org


@pytest.mark.parametrize(
    ("condition", "soql"),
    [
        (NO_CONDITION, ""),
        (leaf("CreatedDate", "equals", "THIS_WEEK"), "CreatedDate = THIS_WEEK"),
        (all_of(leaf("A", "equals", "'x'")), "A = 'x'"),
        (all_of(NO_CONDITION, leaf("A", "notEquals", "null")), "A != null"),
        (
            all_of(leaf("A", "like", "'%b%'"), any_of(leaf("B", "lessThan", "5"), leaf("C", "equals", "true"))),
            "A LIKE '%b%' AND (B < 5 OR C = true)",
        ),
        (leaf("A", "in", "'x'", "'y'"), "A IN ('x', 'y')"),
        (leaf("A", "notIn", "'x'"), "A NOT IN ('x')"),
        (leaf("A", "excludes", "'x;y'"), "A EXCLUDES ('x;y')"),
        (leaf("A", "notLike", "'%x%'"), "(NOT A LIKE '%x%')"),
        (leaf("A", "like", "'x%'", "'y%'"), "(A LIKE 'x%' OR A LIKE 'y%')"),
        ({"condition": leaf("A", "greaterThanOrEqualTo", "5")}, "(NOT A >= 5)"),
        ({"condition": any_of(leaf("A", "equals", "1"), leaf("B", "equals", "2"))}, "(NOT (A = 1 OR B = 2))"),
    ],
)
def test_condition_as_soql(condition: Json, soql: str) -> None:
    assert to_soql(condition) == soql


def nested(depth: int) -> Json:
    condition = leaf("A", "equals", "1")
    for _ in range(depth):
        condition = {"condition": condition}
    return condition


@pytest.mark.parametrize(
    "condition",
    [
        {},
        {"field": "A", "operator": "within", "values": ["x"]},
        {"field": "A", "operator": "equals", "values": []},
        {"field": "A", "operator": "equals", "values": ["1", "2"]},
        {"field": "A", "operator": "equals", "values": [5]},
        {"conditions": [], "conjunction": "xor"},
        {"conditions": [5], "conjunction": "and"},
        nested(1000),
    ],
)
def test_what_is_not_a_condition(condition: Json) -> None:
    with pytest.raises(ConditionError):
        to_soql(condition)


def text(row: dict[str, object], name: str) -> str:
    return str(row.get(name) or "").lower()


def number(row: dict[str, object], name: str) -> float:
    return float(str(row.get(name, "nan")))


EXPECTED: dict[str, Callable[[dict[str, object]], bool]] = {
    "MarketingLeaders": lambda row: (
        "Email" in row
        and (
            "vp" in text(row, "Title")
            or "chief" in text(row, "Title")
            or text(row, "Department") in {"marketing", "executive team"}
        )
    ),
    "OutsideSales": lambda row: "sales" not in text(row, "Title") and text(row, "Department") != "sales",
    "OpenLeads": lambda row: row["Status"] == "Open - Not Contacted",
    "HotLeads": lambda row: (
        row.get("Rating") == "Hot" and (row.get("LeadSource") == "Web" or number(row, "AnnualRevenue") > 1e6)
    ),
    "UnreadLeads": lambda row: row["IsUnreadByOwner"] is True,
    "TechnologyCustomers": lambda row: (
        row.get("Industry") in {"Technology", "Electronics", "Telecommunications"}
        and text(row, "Type").startswith("customer")
    ),
    "LargeAccounts": lambda row: number(row, "NumberOfEmployees") > 1000 or number(row, "AnnualRevenue") >= 1e8,
    "SLARenewals2026": lambda row: text(row, "SLAExpirationDate__c").startswith("2026"),
    "AllContacts": lambda row: True,
}


@pytest.fixture(scope="module")
def org() -> Org:
    org = Org(OrgConfig(contacts=400, leads=300, accounts=200, seed=3))
    seed(org)
    return org


@pytest.mark.parametrize("developer_name", sorted(EXPECTED))
def test_members_of_the_first_lists(org: Org, developer_name: str) -> None:
    view = next(one for one in ListViews(org).all() if one.developer_name == developer_name)
    members = {row["Id"] for row in run(org, view.query("Id"), org.admin_user_id).rows}
    expected = {row["Id"] for row in org.rows(view.object_name) if EXPECTED[developer_name](row)}
    assert members == expected
    assert members, "a list without members proves nothing"
    assert developer_name == "AllContacts" or len(members) < len(list(org.rows(view.object_name)))


def test_redefining_a_list_keeps_its_id(org: Org) -> None:
    views = ListViews(org)
    hot = next(one for one in views.all() if one.developer_name == "HotLeads")
    again = views.define(replace(hot, view_id="", condition=NO_CONDITION))
    assert again.view_id == hot.view_id
    assert views.find(hot.view_id[:15]) == again
