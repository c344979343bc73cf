"""GROUP BY, aggregates, sub-selects, child queries and the switches of open questions.

Sources: salesforce-shapes.md 2 (answers), salesforce-answers.md 5.1 and 5.2 (semantics), SOQL and SOSL Reference.
"""

from __future__ import annotations

import calendar

import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.soql.execute import Selection, run
from sandbox.org.soql.language.errors import SoqlError
from sandbox.org.soql.settings import MONDAY, SoqlSettings
from sandbox.org.store.org import Org

SELECT_ACCOUNTS = "SELECT Id FROM Account WHERE "
SELECT_CONTACTS = "SELECT Id FROM Contact WHERE "
# Wednesday 2026-07-15 02:30 UTC, still Tuesday in the admin's zone, Los Angeles.
NOW = calendar.timegm((2026, 7, 15, 2, 30, 0))
ACCOUNTS: list[dict[str, object]] = [
    {"Name": "Acme", "Industry": "Technology", "AnnualRevenue": 100.0, "NumberOfEmployees": 10},
    {"Name": "Bolt", "Industry": "TECHNOLOGY", "AnnualRevenue": 300.0},
    {"Name": "Coal", "Industry": "Energy"},
    {"Name": "Dust"},
]
PEOPLE: list[tuple[str, int | None, str]] = [
    ("Ames", 0, "2026-07-14T23:00:00.000+0000"),
    ("Bo", 0, "2026-07-15T01:00:00.000+0000"),
    ("Cy", 1, "2026-07-12T08:00:00.000+0000"),
    ("Di", None, "2025-12-31T12:00:00.000+0000"),
]


def make_org(settings: SoqlSettings | None = None) -> Org:
    org = Org(OrgConfig(soql=settings or SoqlSettings()), clock=lambda: NOW)
    accounts = org.load("Account", ACCOUNTS)
    for name, index, created in PEOPLE:
        account: dict[str, object] = {} if index is None else {"AccountId": accounts[index]}
        org.load("Contact", [{"LastName": name, "CreatedDate": created} | account])
    return org


@pytest.fixture(scope="module")
def org() -> Org:
    return make_org()


def ask(org: Org, query: str) -> Selection:
    return run(org, query, org.admin_user_id)


def table(org: Org, query: str) -> list[dict[str, object]]:
    selection = ask(org, query)
    return [{column.text: column.read(row) for column in selection.columns} for row in selection.rows]


def names(org: Org, query: str) -> list[object]:
    return [row.get("LastName") or row["Name"] for row in ask(org, query).rows]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT COUNT(Id) FROM Account", [{"expr0": 4}]),
        (
            (
                "SELECT COUNT(AnnualRevenue), SUM(AnnualRevenue), AVG(AnnualRevenue) mean, MIN(Name), MAX(Name) last\n"
                "FROM Account"
            ),
            [{"expr0": 2, "expr1": 400.0, "mean": 200.0, "expr2": "Acme", "last": "Dust"}],
        ),
        ("SELECT COUNT_DISTINCT(Industry) FROM Account", [{"expr0": 2}]),  # without regard to case
        ("SELECT SUM(NumberOfEmployees) FROM Account WHERE Name = 'Dust'", [{"expr0": None}]),
        ("SELECT COUNT(Id) n FROM Account WHERE Name = 'nobody'", [{"n": 0}]),
        ("SELECT Industry, COUNT(Id) FROM Account WHERE Name = 'nobody' GROUP BY Industry", []),
        (
            "SELECT Industry, COUNT(Id) n FROM Account GROUP BY Industry ORDER BY Industry NULLS LAST",
            [{"Industry": "Energy", "n": 1}, {"Industry": "Technology", "n": 2}, {"Industry": None, "n": 1}],
        ),
        (
            (
                "SELECT a.Industry i FROM Account a GROUP BY Account.Industry "
                "HAVING COUNT(Name) > 1 AND Industry LIKE 't%'"
            ),
            [{"i": "Technology"}],
        ),
        (
            (
                "SELECT Account.Name, COUNT(Id) FROM Contact GROUP BY Account.Name ORDER BY COUNT(Id) DESC,"
                " Account.Name LIMIT 2"
            ),
            [{"Name": "Acme", "expr0": 2}, {"Name": None, "expr0": 1}],
        ),
        (
            (
                "SELECT CALENDAR_YEAR(CreatedDate), COUNT(Id) FROM Contact GROUP BY CALENDAR_YEAR(CreatedDate) "
                "ORDER BY CALENDAR_YEAR(CreatedDate)"
            ),
            [{"expr0": 2025, "expr1": 1}, {"expr0": 2026, "expr1": 3}],
        ),
        ("SELECT FORMAT(MAX(AnnualRevenue)) top FROM Account", [{"top": "$300"}]),
    ],
)
def test_groups(org: Org, query: str, expected: list[dict[str, object]]) -> None:
    assert table(org, query) == expected


@pytest.mark.parametrize(
    ("query", "message_end"),
    [
        ("SELECT Name, COUNT(Id) FROM Account", "Field must be grouped or aggregated: Name"),
        ("SELECT Name FROM Account GROUP BY Industry", "Field must be grouped or aggregated: Name"),
        ("SELECT CreatedDate FROM Account GROUP BY CreatedDate", "'CreatedDate' can not be grouped in a query call"),
        ("SELECT SUM(Name) FROM Account", "field Name does not support aggregate operator SUM"),
        ("SELECT COUNT(IsDeleted) FROM Account", "does not support aggregate operator COUNT"),
        ("SELECT COUNT(Id) FROM Account LIMIT 1", "overall aggregate functions cannot also use LIMIT"),
        ("SELECT COUNT(Id) n, MIN(Name) n FROM Account", "duplicate alias: n"),
        ("SELECT Name n FROM Account", "only aggregate expressions use field aliasing"),
        ("SELECT Name, Id, name FROM Account", "duplicate field selected: Name"),
        ("SELECT NOSUCH(Name) FROM Account", "Unknown function: nosuch(Name)"),
        (
            "SELECT Id FROM Account WHERE Id IN (SELECT Id, AccountId FROM Contact)",
            "exactly one field in the SELECT clause",
        ),
        ("SELECT Id FROM Account WHERE Name IN (SELECT AccountId FROM Contact)", "should be an id field: Name"),
        ("SELECT Id FROM Account WHERE Id IN (SELECT Name FROM Contact)", "must be an id or reference field"),
        ("SELECT Id FROM Account WHERE Id IN (SELECT Id FROM Account)", "should not be on the same object type"),
        (
            "SELECT Id FROM Account WHERE Name = 'x' OR Id IN (SELECT AccountId FROM Contact)",
            "not supported with the 'OR' operator",
        ),
        (
            "SELECT Id FROM Account WHERE NOT Id IN (SELECT AccountId FROM Contact)",
            "not supported with the 'NOT' operator",
        ),
        (
            SELECT_ACCOUNTS + " AND ".join(["Id IN (SELECT AccountId FROM Contact)"] * 3),
            "maximum 2 semi join sub-selects are allowed in a query",
        ),
    ],
)
def test_refused(org: Org, query: str, message_end: str) -> None:
    with pytest.raises(SoqlError) as caught:
        ask(org, query)
    assert caught.value.error_code == "MALFORMED_QUERY"
    assert caught.value.message.endswith(message_end)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("Id IN (SELECT AccountId FROM Contact)", ["Acme", "Bolt"]),
        ("Id NOT IN (SELECT AccountId FROM Contact)", ["Coal", "Dust"]),
        ("Id IN (SELECT AccountId FROM Contact WHERE LastName = 'cy') AND Name != 'Acme'", ["Bolt"]),
        (
            "Id IN (SELECT AccountId FROM Contact) AND Id NOT IN (SELECT AccountId FROM Contact WHERE Name = 'Bo')",
            ["Bolt"],
        ),
    ],
)
def test_semi_and_anti_joins(org: Org, where: str, expected: list[str]) -> None:
    assert names(org, SELECT_ACCOUNTS + where) == expected


def test_child_queries_are_ordered_and_limited_per_parent(org: Org) -> None:
    query = "SELECT Name, (SELECT LastName FROM Contacts ORDER BY LastName DESC LIMIT 1) FROM Account ORDER BY Name"
    selection = ask(org, query)
    children = [selection.columns[1].read(row) for row in selection.rows]
    found = [[row["LastName"] for row in one.rows] if isinstance(one, Selection) else one for one in children]
    assert found == [["Bo"], ["Cy"], None, None]
    with pytest.raises(SoqlError, match="Didn't understand relationship 'Nieces' in FROM part of query call"):
        ask(org, "SELECT (SELECT Id FROM Nieces) FROM Account")


@pytest.mark.parametrize(
    ("where", "matching", "strict"),
    [
        ("Industry != 'energy'", "ABD", "AB"),
        ("Industry NOT IN ('Energy')", "ABD", "AB"),
        ("(NOT Industry LIKE 'e%')", "ABD", "AB"),
        ("NOT (Industry = 'Energy' OR Name = 'Acme')", "BD", "B"),
        ("NOT (Industry = 'Energy' AND Name = 'Dust')", "ABCD", "ABC"),
        ("Industry != null", "ABC", "ABC"),
        ("Industry = null", "D", "D"),
    ],
)
def test_null_under_negation_is_a_switch(org: Org, where: str, matching: str, strict: str) -> None:
    query = SELECT_ACCOUNTS + where
    strict_org = make_org(SoqlSettings(null_matches_negation=False))
    assert "".join(str(name)[0] for name in names(org, query)) == matching
    assert "".join(str(name)[0] for name in names(strict_org, query)) == strict


@pytest.mark.parametrize(
    ("settings", "where", "expected"),
    [
        (SoqlSettings(), "CreatedDate = TODAY", ["Bo"]),
        (SoqlSettings(day_zone="user"), "CreatedDate = TODAY", ["Ames", "Bo"]),
        (SoqlSettings(day_zone="Asia/Tokyo"), "CreatedDate = TODAY", ["Ames", "Bo"]),
        (SoqlSettings(), "CreatedDate = THIS_WEEK", ["Ames", "Bo", "Cy"]),
        (SoqlSettings(week_start=MONDAY), "CreatedDate = THIS_WEEK", ["Ames", "Bo"]),
        (SoqlSettings(fiscal_year_start_month=2), "CreatedDate = LAST_FISCAL_YEAR", ["Di"]),
        (SoqlSettings(fiscal_year_start_month=2), "CreatedDate = THIS_FISCAL_QUARTER", ["Ames", "Bo", "Cy"]),
        (SoqlSettings(), "HOUR_IN_DAY(CreatedDate) = 1", ["Bo"]),
        (SoqlSettings(), "HOUR_IN_DAY(convertTimezone(CreatedDate)) = 18", ["Bo"]),
        (SoqlSettings(), "DAY_ONLY(CreatedDate) = 2026-07-12", ["Cy"]),
        (SoqlSettings(), "DAY_IN_WEEK(CreatedDate) = 1", ["Cy"]),
        (SoqlSettings(fiscal_year_start_month=7), "FISCAL_YEAR(CreatedDate) = 2027", ["Ames", "Bo", "Cy"]),
        (SoqlSettings(fiscal_year_start_month=7), "FISCAL_QUARTER(CreatedDate) = 2", ["Di"]),
    ],
)
def test_days_weeks_and_fiscal_years(settings: SoqlSettings, where: str, expected: list[str]) -> None:
    assert names(make_org(settings), SELECT_CONTACTS + where) == expected


def test_polymorphic_owners_know_the_fields_of_users_and_queues(org: Org) -> None:
    (queue,) = org.load("Group", [{"Name": "Inbound", "Type": "Queue"}])
    org.load("Lead", [{"LastName": "Eve", "Company": "x", "OwnerId": queue}, {"LastName": "Flo", "Company": "x"}])
    found = table(org, "SELECT Owner.Name, Owner.Alias FROM Lead ORDER BY Name")
    assert found == [
        {"Owner.Name": "Inbound", "Owner.Alias": None},
        {"Owner.Name": "Ada Admin", "Owner.Alias": "aadmin"},
    ]


def test_formats_and_labels_take_aliases(org: Org) -> None:
    query = "SELECT AnnualRevenue, FORMAT(AnnualRevenue) shown, toLabel(Industry) FROM Account WHERE Name = 'Acme'"
    assert table(org, query) == [{"AnnualRevenue": 100.0, "shown": "$100", "Industry": "Technology"}]
