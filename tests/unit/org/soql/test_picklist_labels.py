"""A picklist's value and its label (SOQL and SOSL Reference, "toLabel()" and "Comparison Operators")."""

from __future__ import annotations

import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.metadata.describe import describe_field
from sandbox.org.soql.execute import run
from sandbox.org.store.org import Org


def _choices(kind: str) -> dict[str, object]:
    values = [{"fullName": "TECH", "label": "Technology"}, {"fullName": "Web"}, {"fullName": "HR", "label": "People"}]
    return {"type": kind, "label": kind, "valueSet": {"valueSetDefinition": {"value": values}}, "visibleLines": 3}


@pytest.fixture(scope="module")
def org() -> Org:
    fields = (
        ("Contact.One__c", _choices("Picklist")),
        ("Contact.Many__c", _choices("MultiselectPicklist")),
    )
    org = Org(OrgConfig(custom_fields=fields))
    rows = [("A", "TECH", "TECH;Web"), ("B", "Web", "HR"), ("C", None, None)]
    org.load("Contact", [{"LastName": name, "One__c": one, "Many__c": many} for name, one, many in rows])
    return org


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("One__c = 'tech'", "A"),
        ("One__c = 'Technology'", ""),
        ("toLabel(One__c) = 'technology'", "A"),
        ("toLabel(One__c) IN ('Technology', 'Web')", "AB"),
        ("One__c LIKE 'Techno%'", "A"),
        ("One__c LIKE 'TECH'", ""),
        ("One__c LIKE 'w%'", "B"),
        ("(NOT One__c LIKE 'Techno%')", "BC"),
        ("Many__c INCLUDES ('TECH;Web')", "A"),
        ("Many__c INCLUDES ('Technology')", ""),
    ],
)
def test_conditions_go_by_the_value_and_patterns_by_the_label(org: Org, where: str, expected: str) -> None:
    rows = run(org, f"SELECT Id, LastName FROM Contact WHERE {where}", org.admin_user_id).rows  # noqa: S608
    assert "".join(sorted(str(row["LastName"]) for row in rows)) == expected


def test_labels_are_selected_by_name(org: Org) -> None:
    text = "SELECT One__c, toLabel(One__c) one, toLabel(Many__c) many FROM Contact ORDER BY LastName"
    selection = run(org, text, org.admin_user_id)
    assert [[column.read(row) for column in selection.columns] for row in selection.rows] == [
        ["TECH", "Technology", "Technology;Web"],
        ["Web", "Web", "People"],
        [None, None, None],
    ]


def test_a_describe_tells_both(org: Org) -> None:
    contact = org.view(org.admin_user_id).find_object("Contact")
    assert contact is not None
    field = contact.find("One__c")
    assert field is not None
    told = describe_field(contact, field)["picklistValues"]
    assert isinstance(told, list)
    assert [(each["value"], each["label"]) for each in told] == [
        ("TECH", "Technology"),
        ("Web", "Web"),
        ("HR", "People"),
    ]
