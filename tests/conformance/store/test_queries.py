"""The questions beyond ids, the same for every store. Each test also holds documents that must not be counted."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest

from schemas.documents import Job, LastKnown, ReadRequest, WritebackRow, WritebackRun
from schemas.events import Version
from tests.support.writeback_rows import keep_rows
from workers.core.writeback.packs import packed, planned_of
from workers.ports import Merged, Store
from workers.runtime.writeback_rows import search

from .samples import connection, member, record, record_id, rule_set, skipped


def account_id(number: int) -> str:
    return record_id(number, "001")


async def test_accounts_that_imported_living_contacts_point_at(store: Store, team: str) -> None:
    other = f"{team}-b"
    pointing = [
        record(team, 1, imported=True, fields={"AccountId": account_id(1)}),
        record(team, 2, imported=True, fields={"AccountId": account_id(1)}),
        record(team, 3, imported=False, fields={"AccountId": account_id(2)}),
        record(team, 4, imported=True, alive=False, fields={"AccountId": account_id(3)}),
        record(team, 5, imported=True, entity="lead", fields={"AccountId": account_id(4)}),
        record(team, 6, imported=True, fields={"AccountId": None}),
        record(team, 7, imported=True),
        record(team, 8, imported=True, fields={"AccountId": account_id(8)}),
        record(other, 1, imported=True, fields={"AccountId": account_id(5)}),
    ]
    await store.records.swap(pointing)
    asked = [(name, account_id(number)) for name in (team, other) for number in (1, 2, 3, 4, 5)]
    found = await store.record_queries.with_imported_contacts(asked)
    assert found == {(team, account_id(1)), (other, account_id(5))}
    assert await store.record_queries.with_imported_contacts([]) == set()


async def test_records_evaluated_under_an_older_rule_set(store: Store, team: str) -> None:
    records = [record(team, number, rule_set_version=number // 2) for number in range(8)]
    await store.records.swap([*records, record(f"{team}-b", 1), record(team, 9, alive=False, rule_set_version=1)])
    behind = await store.record_queries.older_than(team, 2, limit=100)
    assert sorted(behind) == [("contact", record_id(number)) for number in (0, 1, 2, 3, 9)]
    assert await store.record_queries.count_older_than(team, 2) == 5
    assert await store.record_queries.count_older_than(team, 0) == 0


@pytest.mark.parametrize(("limit", "expected"), [(0, 0), (1, 1), (3, 3), (9, 4)])
async def test_limits_are_kept(store: Store, team: str, limit: int, expected: int) -> None:
    await store.records.swap([record(team, number) for number in range(4)])
    assert len(await store.record_queries.older_than(team, 1, limit)) == expected


async def test_records_whose_day_has_come(store: Store, team: str) -> None:
    moments = {1: 10, 2: 11, 3: 12, 4: None}
    await store.records.swap([record(team, number, evaluate_at_ms=ms) for number, ms in moments.items()])
    due = [each for each in await store.record_queries.due_by_date(11, limit=1000) if each.team == team]
    assert sorted(each.record_id for each in due) == [record_id(1), record_id(2)]
    assert len(await store.record_queries.due_by_date(11, limit=1)) == 1


async def test_all_contacts_of_an_account(store: Store, team: str) -> None:
    at_first = [record(team, n, alive=n % 2 == 0, fields={"AccountId": account_id(1)}) for n in range(2100)]
    others = [
        record(team, 9001, fields={"AccountId": account_id(2)}),
        record(team, 9002, entity="lead", fields={"AccountId": account_id(1)}),
        record(f"{team}-b", 9003, fields={"AccountId": account_id(1)}),
        record(team, 9004),
    ]
    await store.records.swap([*at_first, *others])
    pages = [page async for page in store.record_queries.contacts_of(team, account_id(1))]
    assert sorted(found for page in pages for found in page) == [each.record_id for each in at_first]
    assert [page async for page in store.record_queries.contacts_of(team, account_id(3))] in ([], [[]])


async def test_living_records_by_entity(store: Store, team: str) -> None:
    await store.records.swap(
        [
            record(team, 1),
            record(team, 2, imported=True),
            record(team, 3, entity="lead"),
            record(team, 4, entity="account", alive=False),
            record(f"{team}-b", 5, entity="account"),
        ]
    )
    assert await store.record_queries.count(team) == {"contact": 2, "lead": 1}


async def test_skipped_records_by_reason(store: Store, team: str) -> None:
    await store.records.swap(
        [
            skipped(team, 1, "no_email"),
            skipped(team, 2, "no_email"),
            skipped(team, 3, "no_email", entity="lead"),
            skipped(team, 4, "not_in_any_list"),
            skipped(team, 5, "no_email", alive=False),
            skipped(team, 6, "no_email", imported=True),
            skipped(f"{team}-b", 7, "no_email"),
            record(team, 8),
            record(team, 9, imported=True),
        ]
    )
    assert await store.record_queries.skipped(team) == {
        ("contact", "no_email"): 2,
        ("lead", "no_email"): 1,
        ("contact", "not_in_any_list"): 1,
    }


async def test_living_members_and_their_segments(store: Store, team: str) -> None:
    await store.people.swap(
        [
            member(team, "a@x", segments=("s1", "s2")),
            member(team, "b@x", segments=("s1",)),
            member(team, "c@x"),
            member(team, "d@x", segments=("s1",), alive=False),
            member(f"{team}-b", "e@x", segments=("s1",)),
        ]
    )
    await store.accounts.swap([member(team, "x.org", segments=("s1",))])
    assert await store.people_queries.count(team) == 3
    assert await store.people_queries.segment_sizes(team) == {"s1": 2, "s2": 1}
    assert [person.key async for person in store.people_queries.in_segment(team, "s1")] == ["a@x", "b@x"]
    assert [person.key async for person in store.people_queries.in_segment(team, "s3")] == []
    assert await store.account_queries.count(team) == 1
    assert await store.account_queries.segment_sizes(team) == {"s1": 1}


async def test_the_members_of_a_large_segment(store: Store, team: str) -> None:
    people = [member(team, f"{n:05d}@x", segments=("s1",) if n % 2 else ("s2", "s1")) for n in range(2100)]
    await store.people.swap(people)
    keys = [person.key async for person in store.people_queries.in_segment(team, "s1")]
    assert keys == [f"{n:05d}@x" for n in range(2100)]


async def test_rule_set_versions(store: Store, team: str) -> None:
    await store.rule_sets.swap([rule_set(team, version=3), rule_set(f"{team}-b", version=1)])
    assert await store.rule_set_queries.versions([team, f"{team}-c"]) == {team: 3}
    assert await store.rule_set_queries.versions([]) == {}


async def test_rule_sets_that_are_not_applied_yet(store: Store, team: str) -> None:
    applied = rule_set(f"{team}-b", version=2, applied_version=2)
    await store.rule_sets.swap([rule_set(team, version=2, applied_version=1), applied])
    assert await unapplied(store, team) == [team]
    await store.rule_sets.swap(
        [rule_set(team, rev=1, version=2, applied_version=2), applied.model_copy(update={"rev": 1, "version": 3})]
    )
    assert await unapplied(store, team) == [f"{team}-b"]
    assert await store.rule_set_queries.unapplied(limit=0) == []


async def unapplied(store: Store, prefix: str) -> list[str]:
    """Of this test's teams: the question is asked for all teams at once."""
    found = await store.rule_set_queries.unapplied(limit=1000)
    return [each.team for each in found if each.team.startswith(prefix)]


async def test_active_connections(store: Store, team: str) -> None:
    await store.connections.swap(
        [
            connection(f"{team}-b"),
            connection(team),
            connection(f"{team}-c", state="disabled"),
            connection(f"{team}-d", state="needs_reconnect"),
        ]
    )
    active = [each.team for each in await store.connection_queries.active() if each.team.startswith(team)]
    assert sorted(active) == [team, f"{team}-b"]


async def test_ids_of_living_records_page_by_page(store: Store, team: str) -> None:
    await store.records.swap(
        [
            *(record(team, number) for number in range(5)),
            record(team, 5, alive=False),
            record(team, 6, entity="lead"),
            record(f"{team}-b", 7),
        ]
    )
    first = await store.record_queries.living_ids(team, "contact", "", 3)
    assert first == [record_id(number) for number in range(3)]
    assert await store.record_queries.living_ids(team, "contact", first[-1], 3) == [record_id(3), record_id(4)]


async def test_records_that_the_org_is_to_be_asked_about(store: Store, team: str) -> None:
    due = [record(team, number, answers_due=("00B1",)) for number in range(3)]
    await store.records.swap([*due, record(team, 3), record(f"{team}-b", 4, answers_due=("00B1", "00B2"))])
    asked = {name for name in await store.record_queries.asking_teams() if name.startswith(team)}
    assert asked == {team, f"{team}-b"}
    first = await store.record_queries.asking(team, "", 2)
    assert [each.record_id for each in first] == [record_id(0), record_id(1)]
    assert [each.record_id for each in await store.record_queries.asking(team, record_id(1), 2)] == [record_id(2)]

    await store.records.swap([each.model_copy(update={"rev": 1, "answers_due": ()}) for each in due])
    assert await store.record_queries.asking(team, "", 9) == []
    assert team not in await store.record_queries.asking_teams()


async def test_deletions_of_which_the_org_is_to_be_asked(store: Store, team: str) -> None:
    gone: dict[str, Any] = {"alive": False, "full_version": Version(2, 0, 0)}
    joe = LastKnown(value="joe@acme.com", version=Version(1, 0, 0))
    unasked = [record(team, number, **gone, last_known=joe) for number in range(3)]
    told = [
        record(team, 3, **gone, last_known=joe, survivor="none"),
        record(team, 4, **gone, last_known=joe, survivor=record_id(9)),
        record(team, 5, **gone, leads=(record_id(1, "00Q"),), survivor=record_id(9)),
    ]
    others = [record(team, 6, **gone), record(team, 9, losers=(record_id(4),))]
    await store.records.swap([*unasked, *told, *others, record(f"{team}-b", 1, **gone, last_known=joe)])
    assert {each for each in await store.record_queries.unasked_teams() if each.startswith(team)} == {team, f"{team}-b"}
    first = await store.record_queries.unasked(team, "", 2)
    assert [each.record_id for each in first] == [record_id(0), record_id(1)]
    assert [each.record_id for each in await store.record_queries.unasked(team, record_id(1), 2)] == [record_id(2)]
    assert sorted(await store.planning_queries.merged(team)) == [
        Merged(record_id(4), record_id(9), "joe@acme.com"),
        Merged(record_id(5), record_id(9), None),
    ]

    back = {"rev": 1, "alive": True, "survivor": None}
    await store.records.swap([each.model_copy(update=back) for each in (*unasked, *told)])
    assert await store.record_queries.unasked(team, "", 9) == []
    assert await store.planning_queries.merged(team) == []


async def test_ids_of_the_records_that_a_list_holds(store: Store, team: str) -> None:
    await store.records.swap(
        [
            *(record(team, number, in_lists=("00B1", "00B2")) for number in range(3)),
            record(team, 3, in_lists=("00B2",)),
            record(team, 4),
            record(f"{team}-b", 5, in_lists=("00B1",)),
        ]
    )
    first = await store.record_queries.in_list(team, "00B1", "", 2)
    assert first == [record_id(0), record_id(1)]
    assert await store.record_queries.in_list(team, "00B1", first[-1], 2) == [record_id(2)]
    assert await store.record_queries.in_list(team, "00B2", record_id(2), 9) == [record_id(3)]


async def test_all_living_records_of_an_entity(store: Store, team: str) -> None:
    await store.records.swap([record(team, 1), record(team, 2, alive=False), record(team, 3)])
    await store.records.swap([record(team, 4, entity="lead"), record(f"{team}-b", 5)])
    found = [each.record_id async for each in store.record_queries.living(team, "contact")]
    assert found == [record_id(1), record_id(3)]


async def test_the_records_that_are_skipped_for_one_reason(store: Store, team: str) -> None:
    await store.records.swap(
        [
            skipped(team, 1, "no_email"),
            skipped(team, 2, "invalid_email"),
            skipped(team, 3, "no_email"),
            skipped(team, 4, "no_email", alive=False),
            skipped(team, 5, "no_email", entity="lead"),
            skipped(f"{team}-b", 6, "no_email"),
        ]
    )
    found = [each.record_id async for each in store.record_queries.skipped_records(team, "contact", "no_email")]
    assert found == [record_id(1), record_id(3)]


async def test_a_sample_of_living_records(store: Store, team: str) -> None:
    await store.records.swap(
        [*(record(team, number) for number in range(5)), record(team, 5, alive=False), record(f"{team}-b", 7)]
    )
    drawn = await store.record_queries.sample(team, "contact", 3)
    assert len({each.record_id for each in drawn}) == 3
    everything = await store.record_queries.sample(team, "contact", 100)
    assert {each.record_id for each in everything} == {record_id(number) for number in range(5)}
    assert await store.record_queries.sample(team, "account", 3) == []


async def test_open_jobs_are_those_that_somebody_asked_for_and_that_are_not_done(store: Store, team: str) -> None:
    asked = Job(
        team=team,
        job_id="asked",
        kind="backfill",
        state="pending",
        request=ReadRequest(entity="contact"),
        updated_at_ms=1,
    )
    others = [
        asked.model_copy(update={"job_id": "going on", "state": "running"}),
        asked.model_copy(update={"job_id": "asks", "state": "needs_confirmation"}),
        asked.model_copy(update={"job_id": "done", "state": "done"}),
        asked.model_copy(update={"job_id": "import", "kind": "import", "state": "running", "request": None}),
    ]
    await store.jobs.swap([asked, *others])
    assert [job.job_id for job in await store.job_queries.open() if job.team == team] == ["asked", "going on"]
    (stored,) = [job for job in await store.job_queries.open() if job.team == team and job.job_id == "asked"]
    await store.jobs.swap([stored.model_copy(update={"state": "done"})])
    assert [job.job_id for job in await store.job_queries.open() if job.team == team] == ["going on"]


def writeback_row(team: str, number: int, run_id: str = "r", **changes: Any) -> WritebackRow:
    values: dict[str, Any] = {
        "record_id": record_id(number),
        "entity": "contact",
        "score": 1.0,
        "last_engagement_date": None,
    }
    return WritebackRow(team=team, run_id=run_id, **{**values, **changes})


def run_named(team: str, run_id: str = "r", sheet: int = 0) -> WritebackRun:
    return WritebackRun(team=team, run_id=run_id, started_at_ms=1, sheet=sheet)


async def test_the_packs_of_a_run_in_the_order_of_their_places(store: Store, team: str) -> None:
    contacts = [writeback_row(team, n, outcome="accepted" if n in (2, 3) else "planned") for n in range(7)]
    others = [writeback_row(team, 7, run_id="s"), writeback_row(f"{team}-b", 8), writeback_row(team, 9, entity="lead")]
    await keep_rows(store, [*contacts, *others], pack_rows=2)
    stray = packed(run_named(team, sheet=1), "contact", 1, [planned_of(contacts[0])])
    await store.writeback_packs.swap([stray])
    in_order = store.writeback_pack_queries.in_order

    async def numbers(begin: str, until: str, outcomes: Collection[str] | None = None, limit: int = 9) -> list[int]:
        found = await in_order(run_named(team), begin, until, outcomes, limit)
        return [int(pack.record_ids[0][3:15]) for pack in found]

    assert await numbers("contact/", "contact0") == [0, 2, 4, 6]
    assert await numbers("", "~", limit=2) == [0, 2]
    assert await numbers("contact/000001", "contact/000002/0000") == [2, 4]
    assert await numbers("contact/000001/", "~") == [4, 6, 9]
    assert await numbers("", "~", ("planned",)) == [0, 4, 6, 9]
    assert await numbers("", "~", ("accepted", "retry")) == [2]
    assert await numbers("", "~", ("kept",)) == []
    assert [pack.sheet for pack in await in_order(run_named(team, sheet=1), "", "~", None, 9)] == [1]


async def test_the_packs_that_hold_a_record(store: Store, team: str) -> None:
    rows = [writeback_row(team, n, run_id=run_id) for run_id in ("a", "b", "c") for n in range(4)]
    await keep_rows(store, [*rows, writeback_row(f"{team}-b", 1, run_id="a")], pack_rows=3)
    of_record = store.writeback_pack_queries.of_record
    found = await of_record(team, record_id(1), ["a", "c", "none"])
    assert sorted((pack.run_id, pack.place) for pack in found) == [("a", "contact/000000"), ("c", "contact/000000")]
    assert {pack.team for pack in found} == {team}
    assert await of_record(team, record_id(9), ["a"]) == await of_record(team, record_id(1), []) == []


async def test_what_became_of_the_rows_of_a_run(store: Store, team: str) -> None:
    rejected = [writeback_row(team, n, outcome="rejected", code="UNABLE_TO_LOCK_ROW", round=n) for n in range(3)]
    lead = writeback_row(team, 4, entity="lead", outcome="accepted")
    await keep_rows(
        store, [*rejected, lead, writeback_row(team, 5, run_id="s"), writeback_row(f"{team}-b", 6)], pack_rows=2
    )
    assert await store.writeback_pack_queries.tally(run_named(team)) == {
        ("contact", "rejected", "UNABLE_TO_LOCK_ROW"): 3,
        ("lead", "accepted", None): 1,
    }
    assert await store.writeback_pack_queries.tally(run_named(team, "none")) == {}
    assert await store.writeback_pack_queries.sent_again(run_named(team)) == 2


@pytest.mark.parametrize("pack_rows", [1, 2, 9])
async def test_rows_of_a_run_by_outcome_and_code(store: Store, team: str, pack_rows: int) -> None:
    outcomes: list[dict[str, Any]] = [
        {"outcome": "accepted"},
        {"outcome": "rejected", "code": "A"},
        {"outcome": "rejected", "code": "B"},
        {"outcome": "postponed"},
        {"outcome": "rejected", "code": "A"},
        {"outcome": "unprocessed", "code": "A"},
    ]
    team = f"{team}-{pack_rows}"
    of_run = [writeback_row(team, number, **of) for number, of in enumerate(outcomes)]
    others = [writeback_row(f"{team}-b", 1, outcome="rejected"), writeback_row(team, 1, run_id="r-7", outcome="kept")]
    await keep_rows(store, [*of_run, *others], pack_rows)

    async def numbers(*outcomes: str, code: str | None = None, after: int | None = None, limit: int = 9) -> list[int]:
        last = "" if after is None else record_id(after)
        found = await search(store, run_named(team), outcomes or None, code, last, limit)
        return [int(row.record_id[3:15]) for row in found]

    assert await numbers() == [0, 1, 2, 3, 4, 5]
    assert await numbers("accepted", "rejected") == [0, 1, 2, 4]
    assert await numbers("rejected") == [1, 2, 4]
    assert await numbers("rejected", "unprocessed", code="A") == [1, 4, 5]
    assert await numbers("accepted", code="A") == await numbers("kept") == []
    assert await numbers(after=1, limit=2) == [2, 3]
    assert await numbers("rejected", after=2) == [4]
    assert await numbers("rejected", limit=0) == []


def run_of(team: str, run_id: str, at_ms: int, took_ms: int | None = None, **given: Any) -> WritebackRun:
    ended = None if took_ms is None else at_ms + took_ms
    return WritebackRun(team=team, run_id=run_id, started_at_ms=at_ms, finished_at_ms=ended, **given)


async def test_the_newest_runs_first_page_by_page(store: Store, team: str) -> None:
    began = {"a": 5, "b": 7, "c": 7, "d": 6}
    await store.writeback_runs.swap([run_of(team, run_id, at_ms) for run_id, at_ms in began.items()])
    await store.writeback_runs.swap([run_of(f"{team}-b", "e", 8)])

    async def ids(before: tuple[int, str] | None = None, limit: int = 9) -> list[str]:
        return [run.run_id for run in await store.writeback_run_queries.newest(team, before, limit)]

    assert await ids() == ["c", "b", "d", "a"]
    assert await ids(limit=2) == ["c", "b"]
    assert await ids((7, "c"), limit=2) == ["b", "d"]
    assert await ids((5, "a")) == await ids(limit=0) == []


async def test_what_the_runs_of_a_day_came_to(store: Store, team: str) -> None:
    """Other tests of the session may leave runs, but none of the year 2100."""
    since = 4_102_444_800_000
    figures = {"planned": 5, "accepted": 4, "rejected": 1, "calls_used": 9, "skipped": {"same": 2, "no_record": 1}}
    await store.writeback_runs.swap(
        [
            run_of(team, "a", since - 10, 10, state="done", **figures),
            run_of(team, "b", since, 70, state="done", **figures),
            run_of(team, "c", since, 5, state="failed", postponed=3),
            run_of(team, "before", since - 10, 9, state="done", **figures),
            run_of(team, "going", since, state="running"),
        ]
    )
    totals = await store.writeback_run_queries.ended_since(since)
    assert totals.keys() == {"done", "failed"}
    assert (totals["done"].runs, totals["done"].longest_ms) == (2, 70)
    counted = {name: number for name, number in totals["done"].figures.items() if number}
    assert counted == {"planned": 10, "accepted": 8, "rejected": 2, "calls_used": 18, "skipped": 6}
    assert (totals["failed"].runs, totals["failed"].figures["postponed"]) == (1, 3)
    going_on = await store.writeback_run_queries.going_on()
    assert since in going_on
    assert going_on == sorted(going_on)
    left = [run async for run in store.writeback_runs.scan(team)]  # the other driver shares the database
    await store.writeback_runs.swap([run.model_copy(update={"state": "done", "finished_at_ms": 1}) for run in left])


async def test_rows_of_old_runs_are_forgotten_a_few_packs_at_a_time(store: Store, team: str) -> None:
    old = [writeback_row(team, n, run_id=run_id) for run_id in ("2026-01-01", "2026-01-01-7") for n in range(5)]
    kept = [writeback_row(team, 1, run_id="2026-01-02"), writeback_row(f"{team}-b", 1, run_id="2026-01-01")]
    await keep_rows(store, [*old, *kept], pack_rows=2)
    forget = store.writeback_pack_queries.forget
    assert [await forget(team, "2026-01-02", 4) for _ in range(3)] == [7, 3, 0]
    assert [pack.run_id async for pack in store.writeback_packs.scan(team)] == ["2026-01-02"]
    assert len([pack async for pack in store.writeback_packs.scan(f"{team}-b")]) == 1


async def test_what_was_written_since_a_moment(store: Store, team: str) -> None:
    await store.connections.swap([connection(f"{team}-a"), connection(f"{team}-b")])
    await store.rule_sets.swap([rule_set(f"{team}-a", version=1)])
    moment = await store.moments.now()
    await store.connections.swap([connection(f"{team}-a", rev=1, state="disabled"), connection(f"{team}-c")])
    await store.rule_sets.swap([rule_set(f"{team}-a", rev=1, version=2), rule_set(f"{team}-c", version=7)])
    since = {each.team: each for each in await store.connection_queries.written_since(moment)}
    assert since.keys() >= {f"{team}-a", f"{team}-c"}
    assert (since[f"{team}-a"].state, since[f"{team}-a"].rev) == ("disabled", 2)
    versions = await store.rule_set_queries.written_since(moment)
    assert {of: versions[of] for of in versions if of.startswith(team)} == {f"{team}-a": 2, f"{team}-c": 7}


async def test_a_later_moment_is_not_a_smaller_one(store: Store, team: str) -> None:
    before = await store.moments.now()
    await store.connections.swap([connection(team)])
    assert await store.moments.now() >= before


async def test_nothing_was_written_since_a_moment_to_come(store: Store, team: str) -> None:
    await store.connections.swap([connection(team)])
    await store.rule_sets.swap([rule_set(team)])
    never = await store.moments.now() + 1_000_000
    assert await store.connection_queries.written_since(never) == []
    assert await store.rule_set_queries.written_since(never) == {}
