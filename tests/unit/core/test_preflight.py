"""What an administrator is told about a connection."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.events import ENTITIES
from workers.core.budget import Allowance
from workers.core.preflight import READ_BY_DEFAULT, Finding, ObjectAccess, Observed, Outcome, findings

FINE = Observed(
    allowances={
        "DailyApiRequests": Allowance(15_000, 14_000),
        "DailyDeliveredPlatformEvents": Allowance(10_000, 9_000),
        "SingleEmail": Allowance(15, 0),
    },
    selected=frozenset({"Contact", "Lead", "Account"}),
    access=dict.fromkeys(ENTITIES, ObjectAccess(read=True, view_all=True)),
    readable={entity: READ_BY_DEFAULT[entity] | {"Title"} for entity in ENTITIES},
    needed={"contact": frozenset({"Title"})},
    lists=dict.fromkeys(ENTITIES, 3),
)


def wrong(observed: Observed) -> list[Finding]:
    return [finding for finding in findings(observed) if finding.outcome != "ok"]


def only_wrong(observed: Observed) -> Finding:
    (finding,) = wrong(observed)
    return finding


def test_a_connection_that_can_do_everything_has_nothing_to_mend() -> None:
    assert wrong(FINE) == []
    assert {finding.check for finding in findings(FINE)} == {
        "api",
        "change data capture",
        "view all",
        "fields",
        "lists",
        "limits",
    }


def test_an_org_that_refuses_the_api_is_asked_nothing_else() -> None:
    finding = only_wrong(Observed(refused="API_DISABLED_FOR_ORG"))
    assert (finding.check, finding.outcome) == ("api", "failed")
    assert "API Enabled" in finding.remedy


def test_an_unselected_object_is_named_with_the_page_that_selects_it() -> None:
    finding = only_wrong(replace(FINE, selected=frozenset({"Contact", "Account"})))
    assert (finding.check, finding.entity, finding.outcome) == ("change data capture", "lead", "failed")
    assert "move Lead to Selected Entities" in finding.remedy


def test_not_being_allowed_to_look_is_unknown_and_no_failure() -> None:
    outcomes = [finding.outcome for finding in wrong(replace(FINE, selected=None, access=None, allowances=None))]
    assert set(outcomes) == {"unknown"}
    assert len(outcomes) == 7


def test_read_alone_is_not_view_all() -> None:
    access = {**dict.fromkeys(ENTITIES, ObjectAccess(read=True, view_all=True)), "contact": ObjectAccess(True, False)}
    finding = only_wrong(replace(FINE, access=access))
    assert (finding.check, finding.entity) == ("view all", "contact")
    assert "View All Records" in finding.remedy


def test_no_permission_row_at_all_is_no_access() -> None:
    assert {finding.entity for finding in wrong(replace(FINE, access={}))} == set(ENTITIES)


def test_a_mapped_field_that_cannot_be_read_is_named() -> None:
    finding = only_wrong(replace(FINE, readable={**FINE.readable, "contact": READ_BY_DEFAULT["contact"]}))
    assert "Contact.Title" in finding.says
    assert "last known values are kept" in finding.remedy


def test_an_unreadable_object_is_one_finding() -> None:
    finding = only_wrong(replace(FINE, readable={**FINE.readable, "account": None}))
    assert finding.says == "the connected user cannot read Account"


def test_no_visible_list_is_a_warning() -> None:
    finding = only_wrong(replace(FINE, lists={"contact": 1, "account": 1}))
    assert (finding.check, finding.entity, finding.outcome) == ("lists", "lead", "warning")


@pytest.mark.parametrize(
    ("remaining", "outcome"), [(1500, None), (1499, "warning"), (1, "warning"), (0, "failed"), (-7, "failed")]
)
def test_an_allowance_that_runs_out_says_what_happens_then(remaining: int, outcome: Outcome | None) -> None:
    found = wrong(replace(FINE, allowances={"DailyApiRequests": Allowance(15_000, remaining)}))
    assert [finding.outcome for finding in found] == ([outcome] if outcome else [])
    assert all("imports and polling pause" in finding.says for finding in found)
