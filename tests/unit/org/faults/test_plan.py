"""Planned faults: when they strike, on what, and what the ledger says afterwards."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.faults.plan import KINDS, FaultPlan, FaultSpec, random_faults
from sandbox.org.ledger.ledger import FaultEntry
from sandbox.org.store.org import Actor, Org, Write

CHANNEL = "/data/ContactChangeEvent"
Struck = list[tuple[str, Mapping[str, object]]]


@pytest.fixture
def org() -> Org:
    return Org(OrgConfig())


@pytest.fixture
def struck() -> Struck:
    return []


@pytest.fixture
def plan(struck: Struck) -> FaultPlan:
    return FaultPlan(1, lambda kind, detail: struck.append((kind, detail)))


def create(org: Org, *names: str) -> list[str]:
    writes = [Write("create", "Contact", None, {"LastName": name}) for name in names]
    return [str(result.record_id) for result in org.commit(writes, Actor(org.admin_user_id, "rest"))]


def published(org: Org) -> list[str]:
    events = (json.loads(event.data)["payload"] for event in org.events.after(CHANNEL, -2, 100))
    return [event.get("Name", {}).get("LastName", event["ChangeEventHeader"]["changeType"]) for event in events]


def faults(org: Org) -> list[dict[str, Any]]:
    return [entry.as_json() for entry in org.ledger.lines(0) if isinstance(entry, FaultEntry)]


def test_a_fault_strikes_as_often_as_planned_and_is_recorded(plan: FaultPlan, struck: Struck) -> None:
    plan.add(FaultSpec("reset", times=2, where={"path": "/cometd"}, settings={"seconds": 3}))
    taken = [plan.take("reset", path=path) for path in ("/services", "/cometd/62.0", "/cometd/62.0", "/cometd/62.0")]
    assert [fault is not None for fault in taken] == [False, True, True, False]
    assert struck == [("reset", {"path": "/cometd/62.0", "seconds": 3})] * 2
    assert plan.idle


def test_only_the_kinds_asked_for_strike(plan: FaultPlan) -> None:
    plan.add(FaultSpec("delay"))
    assert plan.take("reset", path="/") is None
    assert plan.take("reset", "delay", path="/") == FaultSpec("delay")


def test_where_compares_whole_values_except_for_paths(plan: FaultPlan) -> None:
    plan.add(FaultSpec("row-lock", where={"object": "Con"}))
    assert plan.take("row-lock", object="Contact") is None


def test_a_share_repeats_with_the_seed() -> None:
    def outcome(seed: int) -> list[bool]:
        plan = FaultPlan(seed, lambda _kind, _detail: None)
        plan.add(FaultSpec("reset", times=None, share=0.3))
        return [plan.take("reset") is not None for _ in range(200)]

    assert outcome(7) == outcome(7) != outcome(8)
    assert 30 < sum(outcome(7)) < 90


def test_faults_are_forgotten_by_number_or_all(plan: FaultPlan) -> None:
    numbers = [plan.add(FaultSpec("reset")).number for _ in range(3)]
    assert plan.remove(numbers[1]) == 1
    assert plan.remove(numbers[1]) == 0
    assert [one.number for one in plan.planned] == [numbers[0], numbers[2]]
    assert plan.remove() == 2


@pytest.mark.parametrize("wrong", [{"kind": "nonsense"}, {"share": 0}, {"share": 1.5}, {"times": 0}])
def test_a_fault_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"no such fault|share|at least once"):
        FaultSpec(**({"kind": "reset"} | wrong))


@pytest.mark.parametrize("settings", [{}, {"name": "nonsense"}])
def test_a_bayeux_error_must_be_known(org: Org, settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="Bayeux error"):
        org.plan(FaultSpec("bayeux-error", settings=settings))


def test_an_event_can_vanish(org: Org) -> None:
    org.plan(FaultSpec("drop-event"))
    ids = create(org, "Lost") + create(org, "Seen")
    assert published(org) == ["Seen"]
    assert [entry.replay_id is None for entry in list(org.ledger.after(0))[-2:]] == [True, False]
    assert org.ledger.changes_by_record("Contact") == {ids[1]: 1}
    [fault] = faults(org)
    assert (fault["kind"], fault["fault"]) == ("fault", "drop-event")
    assert fault["detail"] == {"entity": "Contact", "change_type": "CREATE", "record_id": ids[0]}
    assert org.ledger.faults == {"drop-event": 1}


def test_an_event_can_come_twice(org: Org) -> None:
    org.plan(FaultSpec("duplicate-event"))
    [record_id] = create(org, "Twice")
    assert published(org) == ["Twice", "Twice"]
    assert org.ledger.events_by_entity == {"Contact": 2}
    assert org.ledger.changes_by_record("Contact") == {record_id: 1}


def test_an_event_can_come_after_the_next_one(org: Org) -> None:
    org.plan(FaultSpec("reorder-event"))
    create(org, "First")
    assert published(org) == []
    create(org, "Second")
    create(org, "Third")
    assert published(org) == ["Second", "First", "Third"]
    assert [fault["fault"] for fault in faults(org)] == ["reorder-event", "event-published-late"]


def test_a_late_event_comes_when_it_is_released_and_wakes_who_waits(org: Org) -> None:
    woken: list[frozenset[str]] = []
    org.on_events.append(woken.append)
    org.plan(FaultSpec("late-event"))
    [late] = create(org, "Late")
    create(org, "Next")
    assert (published(org), len(woken)) == (["Next"], 1)
    assert org.release_events() == 1
    assert published(org) == ["Next", "Late"]
    assert woken[1] == {CHANNEL, "/data/ChangeEvents"}
    assert faults(org)[-1]["detail"] == {"entity": "Contact", "recordIds": (late,), "replayId": org.events.tip}
    assert org.ledger.changes_by_record("Contact")[late] == 1


def test_a_gap_event_has_a_header_only(org: Org) -> None:
    """Source: CDC guide, gap events; the shape is that of cdc_other_events_gap."""
    org.plan(FaultSpec("gap-event"))
    ids = create(org, "Gap")
    [event] = [json.loads(event.data) for event in org.events.after(CHANNEL, -2, 10)]
    assert event["payload"].keys() == {"ChangeEventHeader"}
    header = event["payload"]["ChangeEventHeader"]
    assert header["changeType"] == "GAP_CREATE"
    assert header["changedFields"] == []
    assert header["recordIds"] == ids


def test_a_row_can_be_locked(org: Org) -> None:
    """Source: salesforce-answers 5.3, UNABLE_TO_LOCK_ROW."""
    one, two = create(org, "One", "Two")
    org.plan(FaultSpec("row-lock", where={"record_id": two}))
    writes = [Write("update", "Contact", record_id, {"Title": "x"}) for record_id in (one, two)]
    first, second = org.commit(writes, Actor(org.admin_user_id, "rest"))
    assert first.success
    assert second.errors[0].status_code == "UNABLE_TO_LOCK_ROW"
    assert second.errors[0].message == f"unable to obtain exclusive access to this record or 1 records: {two}"


def test_a_migrated_org_counts_anew(org: Org) -> None:
    create(org, "Before")
    before = list(org.ledger.after(0))[-1]
    org.migrate()
    create(org, "After")
    after = list(org.ledger.after(0))[-1]
    assert before.replay_id
    assert after.replay_id
    assert after.replay_id < before.replay_id
    assert after.commit_number < before.commit_number
    assert published(org) == ["After"]
    assert org.events.start(CHANNEL, before.replay_id) is None


def test_faults_may_be_planned_by_configuration() -> None:
    org = Org(OrgConfig(faults=(FaultSpec("drop-event", times=None, share=0.5),)))
    for index in range(40):
        create(org, str(index))
    assert 0 < org.ledger.faults["drop-event"] < 40
    assert len(published(org)) == 40 - org.ledger.faults["drop-event"]


def test_a_clock_that_is_set_back_never_turns_stamps_back(org: Org) -> None:
    create(org, "Now")
    org.clock.offset_seconds = -3600
    create(org, "Past")
    stamps = [entry.commit_timestamp_ms for entry in org.ledger.after(0)]
    assert stamps == sorted(stamps)


def test_the_documentation_names_every_kind() -> None:
    assert {surface for surface, _meaning in KINDS.values()} == {"http", "records", "events", "cometd", "jobs"}


def test_how_often_a_fault_strikes_does_not_depend_on_other_occasions() -> None:
    def outcome(others: int) -> list[bool]:
        plan = FaultPlan(7, lambda _kind, _detail: None)
        for kind in ("row-lock", "reset"):
            plan.add(FaultSpec(kind, times=None, share=0.5))
        for _ in range(others):
            plan.take("row-lock")
        return [plan.take("reset") is not None for _ in range(50)]

    assert outcome(0) == outcome(3)


def test_random_faults_strike_at_their_rate_and_are_recorded() -> None:
    org = Org(OrgConfig(faults=random_faults(0.2, "events"), seed=3))
    create(org, *map(str, range(300)))
    for record in org.rows("Contact"):
        org.commit([Write("update", "Contact", str(record["Id"]), {"Title": "T"})], Actor(org.admin_user_id, "rest"))
    counts = org.ledger.faults
    assert set(counts) >= {"duplicate-event", "reorder-event", "late-event", "gap-event"}
    assert 60 < counts["duplicate-event"] < 180


def test_a_late_event_is_published_when_its_time_comes(org: Org) -> None:
    due: list[float] = []
    org.call_later = lambda seconds, _back: due.append(seconds)
    org.plan(FaultSpec("late-event", settings={"seconds": 60}))
    create(org, "Late")
    org.release_due()
    assert published(org) == []
    org.clock.advance(61)
    org.release_due()
    assert published(org) == ["Late"]
    assert due[0] == pytest.approx(60, abs=1)


def test_the_clock_jumps_before_a_transaction(org: Org) -> None:
    org.plan(FaultSpec("clock-skew", settings={"seconds": 3600}))
    create(org, "Skewed")
    assert org.clock.offset_seconds == pytest.approx(3600, abs=1)
    assert [fault["fault"] for fault in faults(org)] == ["clock-skew"]


def test_a_planned_migration_starts_the_replay_ids_again(org: Org) -> None:
    told: list[int] = []
    org.on_migrated.append(lambda: told.append(org.events.tip))
    create(org, "Before")
    org.plan(FaultSpec("org-migration"))
    create(org, "After")
    assert published(org) == ["After"]
    assert told[0] < org.events.tip < 2_000


def test_expired_events_make_stored_replay_ids_invalid(org: Org) -> None:
    create(org, "Gone")
    stored = org.events.tip
    assert org.events.start(CHANNEL, stored) == stored
    assert org.events.expire() == 1
    assert org.events.start(CHANNEL, stored) is None
