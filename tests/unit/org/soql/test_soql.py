"""SOQL semantics over an org in memory; the expectations are Salesforce's documentation and recordings."""

from __future__ import annotations

import calendar
from collections.abc import Iterable

import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.metadata.objects import FieldType, ObjectType
from sandbox.org.rows.tables import Snapshot
from sandbox.org.soql.execute import run
from sandbox.org.soql.language.errors import SoqlError
from sandbox.org.soql.schema import Row
from sandbox.org.store.org import Org

SELECT_CONTACTS = "SELECT Id FROM Contact"
# Wednesday 2026-07-15 10:00 UTC.
NOW = calendar.timegm((2026, 7, 15, 10, 0, 0))
ACCOUNTS: list[dict[str, object]] = [
    {"Name": "Acme", "Industry": "Technology", "AnnualRevenue": 5e6, "NumberOfEmployees": 50, "Type": "Prospect"},
    {"Name": "Bolt", "Industry": "Banking", "NumberOfEmployees": 1001, "SLAExpirationDate__c": "2026-07-15"},
]
PEOPLE: list[dict[str, object]] = [
    {"FirstName": "Ann", "LastName": "Ames", "Title": "VP, Sales", "Email": "ANN@acme.com", "DoNotCall": True},
    {"LastName": "Bo", "Title": "100% sure", "Department": "Sales", "CreatedDate": "2026-07-14T23:59:59.000+0000"},
    {"LastName": "Cy", "Title": "100_ sure", "CreatedDate": "2026-07-12T00:00:00.000+0000"},
    {"LastName": "D'Arc", "Title": None, "CreatedDate": "2026-07-11T23:59:59.000+0000"},
]


@pytest.fixture(scope="module")
def org() -> Org:
    org = Org(OrgConfig(), clock=lambda: NOW)
    acme, bolt = org.load("Account", ACCOUNTS)
    accounts = [acme, bolt, None, None]
    org.load("Contact", [row | {"AccountId": account} for row, account in zip(PEOPLE, accounts, strict=True)])
    return org


def last_names(org: Org, where: str) -> str:
    """The matching contacts, as the first letters of their last names."""
    rows = run(org, SELECT_CONTACTS + " WHERE " + where, org.admin_user_id).rows
    return "".join(sorted(str(row["LastName"])[0] for row in rows))


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("Title = 'vp, SALES'", "A"),
        ("Title != 'vp, sales'", "BCD"),  # null matches !=
        ("Title = null", "D"),
        ("Title != null", "ABC"),
        ("Title = ''", "D"),
        ("Title < 'b'", "BC"),  # null is not less than anything
        ("Title >= '100'", "ABC"),
        ("Title LIKE 'vp%'", "A"),
        ("Title LIKE '100_ sure'", "BC"),
        (r"Title LIKE '100\_ sure'", "C"),
        (r"Title LIKE '100\% sure'", "B"),
        ("Title LIKE '%s%r%'", "BC"),
        ("Title LIKE 'v%s%s'", "A"),
        ("Title LIKE '%,%,%'", ""),
        ("Title LIKE '%'", "ABC"),
        ("(NOT Title LIKE '%sure')", "AD"),
        ("NOT Title LIKE '%sure' ", "AD"),
        ("Title IN ('VP, Sales', '100% sure')", "AB"),
        ("Title NOT IN ('VP, Sales', '100% sure')", "CD"),
        ("Title IN ('VP, Sales', null)", "AD"),
        (r"LastName = 'd\'arc'", "D"),
        (r"LastName = 'D\u0027Arc'", "D"),
        ("DoNotCall = true", "A"),
        ("DoNotCall != TRUE", "BCD"),
        ("Account.IsDeleted = false", "ABCD"),  # also on a missing parent
        ("DoNotCall = null", "BCD"),  # a checkbox is never null: null means false
        ("Account.DoesNotMatter__x = 1 OR Name = 'x'", SoqlError),
        ("Account.Name = 'acme'", "A"),
        ("Account.Name = null", "CD"),
        ("Account.Name != 'acme'", "BCD"),
        ("Account.AnnualRevenue > 4999999.5", "A"),
        ("Account.AnnualRevenue > USD5000", "A"),
        ("Account.NumberOfEmployees > 50 OR Name = 'Ann Ames'", "AB"),
        ("Name = 'ann ames'", "A"),
        ("(LastName = 'Bo' OR LastName = 'Cy') AND Title LIKE '%!_%'", ""),
        ("(LastName = 'Bo' OR LastName = 'Cy') AND (NOT Title LIKE '%\\%%')", "C"),
        ("toLabel(LeadSource) = null", "ABCD"),
        ("Contact.LastName = 'Bo'", "B"),
        ("Account.SLAExpirationDate__c = TODAY", "B"),
        ("Account.SLAExpirationDate__c >= 2026-07-15", "B"),
        ("Account.SLAExpirationDate__c > 2026-07-15", ""),
        ("CreatedDate = TODAY", "A"),
        ("CreatedDate = YESTERDAY", "B"),
        ("CreatedDate < TODAY", "BCD"),
        ("CreatedDate <= YESTERDAY", "BCD"),
        ("CreatedDate > YESTERDAY", "A"),
        ("CreatedDate = THIS_WEEK", "ABC"),  # weeks begin on Sunday, 2026-07-12
        ("CreatedDate = LAST_WEEK", "D"),
        ("CreatedDate = LAST_N_DAYS:1", "AB"),
        ("CreatedDate != LAST_N_DAYS:1", "CD"),
        ("CreatedDate IN (TODAY, YESTERDAY)", "AB"),
        ("CreatedDate = 2026-07-14T23:59:59Z", "B"),
        ("CreatedDate = 2026-07-15T01:59:59+02:00", "B"),
        ("CreatedDate < 2026-07-12T00:00:00.000Z", "D"),
    ],
)
def test_where(org: Org, where: str, expected: str | type[SoqlError]) -> None:
    if isinstance(expected, str):
        assert last_names(org, where) == expected
    else:
        with pytest.raises(expected):
            last_names(org, where)


def test_ids_compare_by_their_first_15_characters_and_case(org: Org) -> None:
    contact_id = str(run(org, "SELECT Id FROM Contact WHERE LastName = 'Bo'", org.admin_user_id).rows[0]["Id"])
    assert last_names(org, f"Id = '{contact_id[:15]}'") == "B"
    assert last_names(org, f"Id = '{contact_id}'") == "B"
    assert last_names(org, f"Id = '{contact_id[:15].swapcase()}'") == ""


@pytest.mark.parametrize(
    ("query", "code", "message_end"),
    [
        (
            "select count() from XYZZY",
            "INVALID_TYPE",
            (
                "\nselect count() from XYZZY\n                    ^\nERROR at Row:1:Column:21\n"
                "sObject type 'XYZZY' is not supported. If you are attempting to use a custom object, be sure to "
                "append the '__c' after the entity name. Please reference your WSDL or the describe call for the "
                "appropriate names."
            ),
        ),
        (
            "SELECT Id, Foo FROM Contact",
            "INVALID_FIELD",
            (
                "ERROR at Row:1:Column:12\nNo such column 'Foo' on entity 'Contact'. If you are attempting to use a "
                "custom field, be sure to append the '__c' after the custom field name. Please reference your WSDL or "
                "the describe call for the appropriate names."
            ),
        ),
        ("SELECT Id FROM Contact WHERE A = 'x' AND B = 'y' OR C = 'z'", "MALFORMED_QUERY", "unexpected token: 'OR'"),
        ("SELECT Id FROM", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
        ("SELECT Id\nFROM Contact\nWHERE Name == 'x'", "MALFORMED_QUERY", "Row:3:Column:13\nunexpected token: '='"),
        ("SELECT Id FROM Contact WHERE Name = 'x", "MALFORMED_QUERY", "unexpected token: '''"),
        (r"SELECT Id FROM Contact WHERE Name = 'a\q'", "MALFORMED_QUERY", "in string literal"),
        ("SELECT Id FROM Contact WHERE CreatedDate = NEVER", "MALFORMED_QUERY", "unexpected token: 'NEVER'"),
        ("SELECT Id FROM Contact WHERE CreatedDate = LAST_N_DAYS", "MALFORMED_QUERY", "'LAST_N_DAYS'"),
        ("SELECT Id FROM Contact WHERE CreatedDate = LAST_N_DAYS:99999999", "MALFORMED_QUERY", ":99999999'"),
        ("SELECT Id FROM Contact WHERE CreatedDate = 2026-13-01T00:00:00Z", "MALFORMED_QUERY", "13-01T00:00:00Z"),
        (
            "SELECT Id FROM Contact WHERE CreatedDate = '2026-01-01'",
            "INVALID_FIELD",
            (
                "value of filter criterion for field 'CreatedDate' must be of type dateTime and should not be "
                "enclosed in quotes"
            ),
        ),
        ("SELECT Id FROM Contact WHERE CreatedDate = 2026-01-01", "INVALID_FIELD", "enclosed in quotes"),
        ("SELECT Id FROM Contact WHERE Name = 5", "INVALID_FIELD", "of type string and should be enclosed in quotes"),
        ("SELECT Id FROM Contact WHERE Description = 'x'", "INVALID_FIELD", "can not be filtered in a query call"),
        ("SELECT Id FROM Contact WHERE Id = 'abc'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: abc"),
        ("SELECT Id FROM Contact OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE", "is 2000"),
        ("SELECT Id FROM Contact WHERE " + "(Name = 'a' OR (Name = 'b' AND " * 3000, "MALFORMED_QUERY", "'<EOF>'"),
        ("SELECT Id FROM Contact WHERE " + "NOT " * 20_000 + "Name = 'x'", "QUERY_TOO_COMPLICATED", "complicated"),
        ("SELECT Id FROM Contact WHERE Name = '" + "x" * 100_000 + "'", "MALFORMED_QUERY", "100000 characters."),
    ],
)
def test_refused(org: Org, query: str, code: str, message_end: str) -> None:
    with pytest.raises(SoqlError) as caught:
        run(org, query, org.admin_user_id)
    assert caught.value.error_code == code
    assert caught.value.message.endswith(message_end)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("Title", "DBCA"),  # nulls first
        ("Title NULLS LAST", "BCAD"),
        ("Title DESC", "DACB"),  # nulls first here too
        ("Title DESC NULLS LAST", "ACBD"),
        ("Account.Name NULLS FIRST, LastName DESC", "DCAB"),
        ("DoNotCall DESC, LastName", "ABCD"),
        ("LastName LIMIT 2", "AB"),
        ("LastName LIMIT 2 OFFSET 1", "BC"),
    ],
)
def test_order_limit_offset(org: Org, order: str, expected: str) -> None:
    rows = run(org, SELECT_CONTACTS + " ORDER BY " + order, org.admin_user_id).rows
    assert "".join(str(row["LastName"])[0] for row in rows) == expected


def test_scope_mine(org: Org) -> None:
    query = "SELECT Id FROM Contact USING SCOPE mine"
    assert len(run(org, query, org.admin_user_id).rows) == len(PEOPLE)
    assert not run(org, query, "005000000000000AAA").rows


def test_columns_have_their_canonical_names(org: Org) -> None:
    selection = run(org, "select id, account.name, tolabel(leadsource) from contact c", org.admin_user_id)
    assert [column.text for column in selection.columns] == ["Id", "Account.Name", "LeadSource"]


SELECT_TAGS = "SELECT Tags FROM Shelf"


class Shelf:
    """A record source with a multi-select picklist, which the standard objects do not have."""

    _type = ObjectType("Shelf", "Shelf", "Shelves", "a00", (FieldType("Tags", "multipicklist", "Tags", length=255),))
    _rows: tuple[Row, ...] = ({"Tags": "Red;Blue"}, {"Tags": "blue"}, {"Tags": "Green"}, {})

    config = OrgConfig()

    def clock(self) -> float:
        return NOW

    def objects(self) -> dict[str, ObjectType]:
        return {"Shelf": self._type}

    def get(self, object_name: str, record_id: str, *, deleted: bool = False) -> Row | None:
        raise LookupError(record_id)

    def rows(self, object_name: str, *, deleted: bool = False) -> Snapshot:
        return Snapshot.of(self._rows)

    def rows_with(self, object_name: str, field_name: str, value: object) -> Iterable[Row]:
        return self._rows

    def viewed_at(self, object_name: str, record_id: str) -> str | None:
        return None


@pytest.mark.parametrize(
    ("where", "tags"),
    [
        ("INCLUDES ('blue')", ["Red;Blue", "blue"]),
        ("INCLUDES ('Blue;Red','Green')", ["Red;Blue", "Green"]),  # both, or the other
        ("EXCLUDES ('Red')", ["blue", "Green", None]),
        ("= 'red;blue'", ["Red;Blue"]),
    ],
)
def test_multi_select_picklists(where: str, tags: list[str | None]) -> None:
    rows = run(Shelf(), f"{SELECT_TAGS} WHERE Tags {where}", "005").rows
    assert [row.get("Tags") for row in rows] == tags
