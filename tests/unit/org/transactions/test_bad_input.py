"""Whatever a client sends, a row is written or refused with a reason; nothing is raised and nothing half-written."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.org.config import OrgConfig
from sandbox.org.metadata.fields import standard_catalogue
from sandbox.org.store.org import Actor, Org, Write

CONTACT = standard_catalogue().types["Contact"]
SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=50),
    st.dates().map(str),
    st.datetimes().map(lambda moment: f"{moment.isoformat()}+14:00"),
    st.sampled_from(
        ["NaN", "1e400", "-1e-400", "sNaN", "1_0", "0001-01-01T00:00:00+14:00", "2024-W01-1", "003", "A@b.c"]
    ),
)
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=2), st.dictionaries(st.text(max_size=3), SCALARS, max_size=2))
FIELDS = st.dictionaries(st.sampled_from([field.name for field in CONTACT.fields] + ["Foo", ""]), VALUES, max_size=4)


@settings(max_examples=300, deadline=None)
@given(FIELDS)
def test_any_value_in_any_field(fields: dict[str, object]) -> None:
    org = Org(OrgConfig())
    actor = Actor(org.admin_user_id, "rest")
    [result] = org.commit([Write("create", "Contact", None, {"LastName": "Doe"} | fields)], actor)
    assert result.success == (not result.errors)
    assert org.count("Contact") == result.success
    events = org.events.after("/data/ContactChangeEvent", -2, 10)
    assert len(events) == result.success
    for event in events:
        orjson.loads(event.data)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Birthdate", "2024-05-01garbage"),
        ("Birthdate", "2024-W01-1"),
        ("Birthdate", "1699-12-31"),
        ("EmailBouncedDate", "2024-05-01T10:00:00"),
        ("EmailBouncedDate", "0001-01-01T00:00:00+14:00"),
        ("DoNotCall", "perhaps"),
        ("Engagement_Score__c", True),
        ("Engagement_Score__c", "NaN"),
        ("Title", {"a": 1}),
    ],
)
def test_values_that_fit_no_form_are_refused(name: str, value: object) -> None:
    org = Org(OrgConfig())
    write = Write("create", "Contact", None, {"LastName": "Doe", name: value})
    [result] = org.commit([write], Actor(org.admin_user_id, "rest"))
    assert [error.fields for error in result.errors] == [(name,)]


@pytest.mark.parametrize("object_name", ["", "Unicorn", "User", "Organization"])
def test_objects_that_cannot_be_written(object_name: str) -> None:
    org = Org(OrgConfig())
    for operation in ("create", "update", "delete"):
        [result] = org.commit([Write(operation, object_name, None, {})], Actor(org.admin_user_id, "rest"))
        assert not result.success
        assert result.errors
