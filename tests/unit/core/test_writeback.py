from __future__ import annotations

import math
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.documents import (
    Contribution,
    Engagement,
    InsightFields,
    Member,
    Switch,
    WritebackRow,
    WritebackSettings,
)
from schemas.events import ENTITIES, Entity
from workers.core.writeback import (
    Target,
    Values,
    cells,
    differs,
    is_on,
    newest,
    remedy,
    results_of,
    schedule_of,
    settle,
    sources,
    storable,
    undone,
    unfit,
    values_of,
)

FIELDS = InsightFields()
DAY_MS = 86_400_000
LAST_MS = 64_092_211_199_999
"""The last millisecond of 4000-12-31."""


def engagement(score: float = 1.0, scored_at_ms: int = 0, at_ms: int | None = None, rev: int = 0) -> Engagement:
    return Engagement(
        team="acme",
        subject="person",
        key="ada@acme.com",
        rev=rev,
        score=score,
        last_engagement_at_ms=at_ms,
        scored_at_ms=scored_at_ms,
    )


def row(record_id: str, entity: Entity = "contact", score: float = 1.0, date: str | None = None) -> WritebackRow:
    return WritebackRow(
        team="acme", run_id="r", record_id=record_id, entity=entity, score=score, last_engagement_date=date
    )


def record_id(number: int) -> str:
    return f"003{number:012d}AAA"


@pytest.mark.parametrize(
    ("at_ms", "date"),
    [
        (None, None),
        (0, "1970-01-01"),
        (-1, "1969-12-31"),
        (DAY_MS - 1, "1970-01-01"),
        (DAY_MS, "1970-01-02"),
        (LAST_MS, "4000-12-31"),
    ],
)
def test_the_date_is_the_utc_day(at_ms: int | None, date: str | None) -> None:
    assert values_of(2.5, at_ms) == Values(2.5, date)
    assert storable(2.5, at_ms) is None


@pytest.mark.parametrize(
    ("score", "at_ms", "reason"),
    [
        (math.nan, None, "not a number"),
        (math.inf, None, "not a number"),
        (-1e16, None, "16 digits"),
        (1.0, LAST_MS + 1, "1700 to 4000"),
        (1.0, -8_520_336_000_001, "1700 to 4000"),
        (1.0, 10**15, "no date"),
        (1.0, 10**30, "no date"),
        (1.0, 10**400, "no date"),
    ],
)
def test_what_salesforce_cannot_hold_has_a_reason(score: float, at_ms: int | None, reason: str) -> None:
    assert reason in (storable(score, at_ms) or "")


def test_the_first_day_that_salesforce_holds() -> None:
    assert storable(0.0, -8_520_336_000_000) is None


def test_a_tie_keeps_what_is_stored() -> None:
    stored = engagement(score=1.0, scored_at_ms=5, rev=3)
    assert newest(stored, engagement(score=2.0, scored_at_ms=5)) is stored


def test_a_newer_score_takes_the_stored_revision() -> None:
    assert newest(engagement(rev=3), engagement(score=2.0, scored_at_ms=1)).rev == 3
    assert newest(None, engagement(rev=3)).rev == 0


@given(st.lists(st.integers(0, 20), unique=True, min_size=1).flatmap(lambda times: st.tuples(*map(st.just, times))))
def test_the_newest_wins_in_any_order(times: tuple[int, ...]) -> None:
    arrived = [engagement(score=float(at), scored_at_ms=at) for at in times]
    kept: Engagement | None = reduce(newest, arrived, None)
    assert kept is not None
    assert kept.score == max(times)


def test_a_person_has_contacts_and_leads_an_account_only_accounts() -> None:
    contributions = {
        record_id(3): Contribution(rev=1, entity="lead"),
        record_id(1): Contribution(rev=1, entity="contact"),
        record_id(2): Contribution(rev=1, entity="account"),
        record_id(4): Contribution(rev=1, entity="contact", gone=True),
        record_id(5): Contribution(rev=1, entity="account", gone=True),
    }
    member = Member(team="acme", key="k", contributions=contributions)
    assert sources("person", member) == [("contact", record_id(1)), ("lead", record_id(3))]
    assert sources("account", member) == [("account", record_id(2))]


@pytest.mark.parametrize(
    ("accepted", "changed"),
    [(None, True), ((1.0, "2026-01-01"), False), ((1.5, "2026-01-01"), True), ((1.0, None), True)],
)
def test_only_other_values_than_accepted_are_written(accepted: tuple[float, str | None] | None, changed: bool) -> None:
    assert differs(Values(1.0, "2026-01-01"), accepted and Values(*accepted)) is changed


@pytest.mark.parametrize(("score", "written"), [(1.4, False), (1.5, False), (1.6, True), (0.5, False), (0.4, True)])
def test_a_score_within_the_dead_band_is_left_alone(score: float, written: bool) -> None:
    accepted = Values(1.0, None)
    assert differs(Values(score, None), accepted, dead_band=0.5) is written
    assert differs(Values(score, "2026-01-01"), accepted, dead_band=0.5)


def test_every_entity_is_on_until_it_is_switched_off() -> None:
    settings = WritebackSettings(team="acme", switches={"lead": Switch(on=False)})
    assert [is_on(settings, entity) for entity in ENTITIES] == [entity != "lead" for entity in ENTITIES]


def test_the_time_zone_is_the_org_s_own_until_the_team_names_one() -> None:
    assert schedule_of(WritebackSettings(team="acme"), "Asia/Tokyo").time_zone == "Asia/Tokyo"
    named = WritebackSettings(team="acme", time_zone="Europe/Oslo", at="04:30")
    assert (schedule_of(named, "Asia/Tokyo").time_zone, schedule_of(named, "UTC").at.hour) == ("Europe/Oslo", 4)


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ({FIELDS.score: ("double", True), FIELDS.date: ("date", True)}, None),
        ({FIELDS.date: ("date", True)}, "Contact has no field Engagement_Score__c that"),
        ({FIELDS.score: ("string", True), FIELDS.date: ("date", True)}, "Engagement_Score__c is of type string, not"),
        ({FIELDS.score: ("double", False), FIELDS.date: ("date", True)}, "may not write Contact.Engagement_Score__c"),
        ({FIELDS.score: ("double", True), FIELDS.date: ("datetime", True)}, "is of type datetime, not date"),
    ],
)
def test_what_keeps_insights_from_being_written(found: dict[str, tuple[str, bool]], says: str | None) -> None:
    problems = unfit("contact", FIELDS, found)
    assert len(problems) == (0 if says is None else 1)
    assert all(says is not None and says in problem for problem in problems)


@pytest.mark.parametrize(
    ("current", "outcome"),
    [
        ({FIELDS.score: 7.13, FIELDS.date: "2026-01-01"}, "planned"),  # Salesforce keeps two digits of 7.126
        ({FIELDS.score: 7.2, FIELDS.date: "2026-01-01"}, "kept"),
        ({FIELDS.score: 7.126, FIELDS.date: None}, "kept"),
        ({FIELDS.score: None, FIELDS.date: "2026-01-01"}, "kept"),
        (None, "kept"),
    ],
)
def test_only_what_we_wrote_is_undone(current: dict[str, object] | None, outcome: str) -> None:
    written = row(record_id(1), score=7.126, date="2026-01-01").model_copy(update={"before_score": 3.0})
    back = undone(written, "r-undone", current, Target(FIELDS, scale=2))
    assert (back.outcome, back.score, back.before_score, back.run_id) == (outcome, 3.0, 7.126, "r-undone")


@pytest.mark.parametrize(("scale", "now", "outcome"), [(0, 7, "planned"), (1, 7.1, "planned"), (3, 7.13, "kept")])
def test_a_field_with_other_digits_can_be_undone(scale: int, now: float, outcome: str) -> None:
    written = row(record_id(1), score=7.126, date="2026-01-01")
    current = {FIELDS.score: now, FIELDS.date: "2026-01-01"}
    assert undone(written, "r-undone", current, Target(FIELDS, scale)).outcome == outcome


def test_a_rejected_row_says_what_to_do() -> None:
    assert "Modify All" in remedy("INSUFFICIENT_ACCESS_OR_READONLY:insufficient access rights on object id:--")
    assert "look the code up" in remedy("SOMETHING_NEW:what:--")
    assert remedy(None) == ""


def test_a_date_that_is_gone_is_cleared() -> None:
    assert cells(row(record_id(1), score=0.1), FIELDS) == {FIELDS.score: "0.1", FIELDS.date: "#N/A"}
    assert cells(row(record_id(1), date="2026-02-03"), FIELDS)[FIELDS.date] == "2026-02-03"


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_score_survives_its_cell(score: float) -> None:
    assert float(cells(row(record_id(1), score=score), FIELDS)[FIELDS.score]) == score


FATES = ("accepted", "rejected", "unprocessed", "nowhere")


@given(st.lists(st.sampled_from(FATES)), st.sets(st.integers(100, 110)))
def test_every_row_that_was_sent_is_accounted_for(fates: list[str], strangers: set[int]) -> None:
    sent = [row(record_id(number)) for number in range(len(fates))]
    told = {fate: [record_id(n) for n, each in enumerate(fates) if each == fate] for fate in FATES}
    results = results_of(
        [*told["accepted"], *(record_id(n) for n in strangers)],
        [(each, "ENTITY_IS_DELETED:entity is deleted:--") for each in told["rejected"]],
        told["unprocessed"],
    )
    settled = settle(sent, results, 0)
    expected = [fate for fate in fates if fate != "nowhere"]
    assert [each.outcome for each in settled] == expected
    assert all((each.error is not None) == (each.outcome == "rejected") for each in settled)
    assert results.rows - len(settled) == len(strangers)


def test_a_row_in_two_files_counts_as_written() -> None:
    """What the org has taken must be remembered, or it would be sent again."""
    results = results_of([record_id(1)], [(record_id(1), "UNABLE_TO_LOCK_ROW")], [record_id(1)])
    assert [each.outcome for each in settle([row(record_id(1))], results, 0)] == ["accepted"]
    assert results.rows == 1


def test_an_error_without_a_text_is_an_error() -> None:
    (settled,) = settle([row(record_id(1))], results_of([], [(record_id(1), None)], []), 0)
    assert (settled.outcome, settled.code) == ("retry", "UNKNOWN_EXCEPTION")
