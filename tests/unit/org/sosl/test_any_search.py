"""Any text searched for is answered or refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.org.config import OrgConfig
from sandbox.org.seeding.fill import seed
from sandbox.org.sosl.parser import SearchError, parse
from sandbox.org.sosl.search import run
from sandbox.org.store.org import Org

_PIECES = [
    "{rose}", "{a*b}", '{"rose gonzalez" OR x?}', "{x", "{AND NOT}", "{((}", "{\\}}", "IN", "NAME FIELDS", "RETURNING",
    "Contact", "(", "Id", ",", "Name", "WHERE", "Name='x)'", ")", "ORDER BY", "LIMIT", "3", "WITH", "'", "Lead(Id)",
]  # fmt: skip


@pytest.fixture(scope="module")
def org() -> Org:
    org = Org(OrgConfig(accounts=13, contacts=20))
    seed(org)
    return org


@given(st.lists(st.sampled_from(_PIECES), max_size=9))
def test_searches_of_any_pieces(org: Org, pieces: list[str]) -> None:
    text = " ".join(["FIND", *pieces])
    try:
        selections = run(org, parse(text), org.admin_user_id)
    except SearchError as refusal:
        assert refusal.code in {"MALFORMED_SEARCH", "INVALID_FIELD", "INVALID_TYPE"}  # noqa: PT017
    else:
        assert all(selection.rows for selection in selections)
