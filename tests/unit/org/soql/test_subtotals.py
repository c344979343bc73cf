"""ROLLUP and CUBE, TYPEOF, and distances (SOQL and SOSL Reference)."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.query.api import RecordRenderer
from sandbox.org.rows.writes import Row
from sandbox.org.soql.execute import run
from sandbox.org.soql.language.errors import SoqlError
from sandbox.org.store.org import Org


@pytest.fixture(scope="module")
def org() -> Org:
    org = Org(OrgConfig())
    (queue_id,) = org.load("Group", [{"Name": "Hot", "Type": "Queue"}])
    shared = {"LastName": "L", "Company": "C"}
    org.load(
        "Lead",
        [
            {**shared, "LeadSource": "Web", "Rating": "Hot", "OwnerId": queue_id},
            {**shared, "LeadSource": "Web", "Rating": "Cold"},
            {**shared, "LeadSource": "Other", "Rating": "Hot"},
        ],
    )
    places = [("Near", 37.775, -122.418), ("Far", 40.713, -74.006), ("Nowhere", None, None)]
    rows: list[Row] = [{"Name": name, "BillingLatitude": lat, "BillingLongitude": lon} for name, lat, lon in places]
    org.load("Account", rows)
    return org


def records(org: Org, text: str) -> list[dict[str, Any]]:
    selection = run(org, text, org.admin_user_id)
    found = [RecordRenderer(org, selection, "62.0").record(row) for row in selection.rows]
    return [{name: value for name, value in one.items() if name != "attributes"} for one in found]


def test_rollup_adds_subtotals_from_the_right(org: Org) -> None:
    text = "SELECT LeadSource, Rating, GROUPING(Rating) g, COUNT(Id) n FROM Lead GROUP BY ROLLUP(LeadSource, Rating)"
    assert sorted(map(str, (tuple(one.values()) for one in records(org, text)))) == sorted(
        map(
            str,
            [
                ("Web", "Hot", 0, 1),
                ("Web", "Cold", 0, 1),
                ("Other", "Hot", 0, 1),
                ("Web", None, 1, 2),
                ("Other", None, 1, 1),
                (None, None, 1, 3),
            ],
        )
    )


def test_cube_adds_subtotals_of_every_combination(org: Org) -> None:
    text = (
        "SELECT LeadSource, Rating, COUNT(Id) n FROM Lead GROUP BY CUBE(LeadSource, Rating) "
        "HAVING GROUPING(LeadSource) = 1 ORDER BY Rating NULLS LAST"
    )
    assert [tuple(one.values()) for one in records(org, text)] == [
        (None, "Cold", 1),
        (None, "Hot", 2),
        (None, None, 3),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT GROUPING(Rating) FROM Lead GROUP BY Rating",
        "SELECT COUNT(Id) FROM Lead GROUP BY ROLLUP(Rating, LeadSource, Status, Company)",
        "SELECT COUNT(Id) FROM Lead GROUP BY ROLLUP(Rating), Status",
        "SELECT toLabel(Rating, Status) FROM Lead",
        "SELECT TYPEOF AccountId WHEN Account THEN Name END FROM Contact",
        "SELECT TYPEOF Account WHEN Account THEN Name END FROM Contact",
        "SELECT TYPEOF Owner WHEN Lead THEN Name END FROM Lead",
        "SELECT TYPEOF Owner WHEN User THEN Nope END FROM Lead",
        "SELECT DISTANCE(Name, GEOLOCATION(1, 2), 'mi') FROM Account",
        "SELECT DISTANCE(BillingAddress, GEOLOCATION(1, 200), 'mi') FROM Account",
        "SELECT DISTANCE(BillingAddress, GEOLOCATION(1, 2), 'ft') FROM Account",
        "SELECT DISTANCE(BillingAddress) FROM Account",
        "SELECT GEOLOCATION(1, 2) FROM Account",
    ],
)
def test_what_does_not_go_together_is_refused(org: Org, text: str) -> None:
    with pytest.raises(SoqlError):
        run(org, text, org.admin_user_id)


def test_typeof_reads_what_fits_the_parent(org: Org) -> None:
    text = "SELECT Rating, TYPEOF Owner WHEN Group THEN Type ELSE LastName, Manager.Name END FROM Lead LIMIT 2"
    queue, user = (one["Owner"] for one in records(org, text))

    assert (queue["attributes"]["type"], queue["Type"]) == ("Group", "Queue")
    assert (user["attributes"]["type"], user["LastName"], user["Manager"]) == ("User", "Admin", None)


def test_distances_select_sort_and_filter(org: Org) -> None:
    place = "DISTANCE(BillingAddress, GEOLOCATION(37.7749, -122.4194), 'mi')"
    near = records(org, f"SELECT Name, {place} FROM Account WHERE {place} < 20")  # noqa: S608
    names = records(org, f"SELECT Name FROM Account ORDER BY {place} DESC NULLS LAST")  # noqa: S608

    assert [one["Name"] for one in near] == ["Near"]
    assert near[0]["expr0"] == pytest.approx(0.077, abs=0.01)
    assert [one["Name"] for one in names] == ["Far", "Near", "Nowhere"]
