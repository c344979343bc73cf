"""The org's own query of a list, asked for ids."""

from __future__ import annotations

import pytest

from workers.core.lists.queries import ListQuery, NoQuery, list_query

ORDER = " ORDER BY Name ASC NULLS FIRST, Id ASC NULLS FIRST"


@pytest.mark.parametrize(
    ("soql", "expected"),
    [
        ("SELECT Name FROM Lead", ListQuery("Lead")),
        ("SELECT toLabel(Status), Name FROM Lead USING SCOPE mine", ListQuery("Lead USING SCOPE mine")),
        (
            "SELECT Name FROM Lead USING SCOPE mine WHERE (City = 'a' OR City = 'b') AND (NOT Name LIKE 'x%')",
            ListQuery("Lead USING SCOPE mine", "(City = 'a' OR City = 'b') AND (NOT Name LIKE 'x%')"),
        ),
        (
            "select name from Lead where Name = 'Group by the O\\'Hara \\\\' or Name = ' order by ('",
            ListQuery("Lead", "Name = 'Group by the O\\'Hara \\\\' or Name = ' order by ('"),
        ),
    ],
)
def test_source_and_conditions_are_taken_as_they_stand(soql: str, expected: ListQuery) -> None:
    assert list_query(soql + ORDER) == expected
    assert list_query(soql) == expected


@pytest.mark.parametrize(
    "soql",
    ["", "FIND {x}", "SELECT Name", "SELECT Name FROM Lead, Account", "SELECT Id FROM Lead GROUP BY Name", "WHERE x"],
)
def test_what_is_no_query_of_one_object_is_refused(soql: str) -> None:
    with pytest.raises(NoQuery):
        list_query(soql)


def test_all_ids_and_some() -> None:
    query = list_query("SELECT Name FROM Lead USING SCOPE mine WHERE City = 'a' OR City = 'b'")
    assert query.ids == "SELECT Id FROM Lead USING SCOPE mine WHERE City = 'a' OR City = 'b'"
    assert query.among(["1", "2"]) == (
        "SELECT Id FROM Lead USING SCOPE mine WHERE (City = 'a' OR City = 'b') AND Id IN ('1','2')"
    )
    assert ListQuery("Lead").ids == "SELECT Id FROM Lead"
    assert ListQuery("Lead").among(["1"]) == "SELECT Id FROM Lead WHERE Id IN ('1')"


@pytest.mark.parametrize(("characters", "most"), [(10, 200), (6_000, 200), (10_000, 70), (12_000, 0), (60_000, 0)])
def test_long_conditions_leave_room_for_fewer_ids(characters: int, most: int) -> None:
    query = ListQuery("Lead", "x" * characters)
    assert query.most_ids == pytest.approx(most, abs=10)
