"""The capture process as a whole: what an org does, and what is in the change topics afterwards."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from schemas.events import ENTITIES, Entity, Snapshot, Version
from tests.support.waiting import until
from workers.adapters.memory.salesforce import EPOCH_MS
from workers.adapters.memory.shards import MemoryShardOwnership
from workers.core.capture.completeness import EVERY_MS, MARGIN_MS, TRUSTED_MS
from workers.core.capture.poison import LIMIT_IN_A_ROW
from workers.core.capture.positions import OVERLAP_MS
from workers.core.capture.session_machine import Refusal
from workers.core.capture.shards import shard_of
from workers.core.capture.snapshots import RECYCLE_BIN_MS, instant
from workers.ports import IngestState, Refused, Unavailable

from .capture_rig import QUICK, Rig, record_id

ADA, BOB, EVE = record_id(1), record_id(2), record_id(3)


def confirmed(rig: Rig, entity: Entity) -> int | None:
    position = rig.position(entity)
    return position.confirmed_ms if position else None


@pytest.fixture
async def rig() -> Rig:
    """A connected team with three contacts and a lead."""
    rig = Rig()
    await rig.connect()
    for number in (1, 2, 3):
        await rig.org.write("contact", [record_id(number)], {"LastName": f"Name {number}"}, "CREATE")
    await rig.org.write("lead", [record_id(1, "00Q")], {"LastName": "Lead"}, "CREATE")
    return rig


async def test_a_new_connection_is_imported_while_its_stream_is_open(rig: Rig) -> None:
    rig.org.query_polls = 3
    async with rig.running():
        await until(rig.imported)

    assert rig.org.subscriptions == [{"contact": None, "lead": None, "account": None}]
    assert rig.org.calls.index("events") < rig.org.calls.index("query_create")
    assert sorted((c.entity, c.record_id) for c in rig.published()) == [
        ("contact", ADA),
        ("contact", BOB),
        ("contact", EVE),
        ("lead", record_id(1, "00Q")),
    ]
    assert {change.kind for change in rig.published()} == {"snapshot"}


async def test_progress_of_the_import(rig: Rig) -> None:
    async with rig.running():
        await until(rig.imported)
        await until(rig.job_is_done)

    job = await rig.job()
    assert job is not None
    assert (job.kind, job.done, job.total, job.detail) == ("import", 4, 4, None)


async def test_events_are_published_once_with_their_position(rig: Rig) -> None:
    async with rig.running():
        await until(rig.streaming)
        for number in range(5):
            await rig.org.write("contact", [ADA], {"Title": str(number)})
        replay_id = await rig.org.write("contact", [ADA, BOB], {"Title": "both"})
        await until(lambda: len(rig.titles()) == 7)

    assert rig.titles() == ["0", "1", "2", "3", "4", "both", "both"]
    position = rig.position()
    assert position is not None
    assert position.replay_id == replay_id
    assert position.snapshot.state == "done"


async def test_a_change_during_the_import_is_not_lost_and_is_newer_than_its_row(rig: Rig) -> None:
    rig.org.query_polls = 10**9
    async with rig.running():
        await until(lambda: "query_state" in rig.org.calls)
        await rig.org.write("contact", [ADA], {"Title": "CTO"})
        await until(lambda: rig.titles() == ["CTO"])
        for query in rig.org._queries.values():
            query.polls_left = 0
        await until(rig.imported)

    (update,) = rig.published("update")
    (row,) = [change for change in rig.published("snapshot") if change.record_id == ADA]
    assert update.version > row.version


@pytest.mark.parametrize("failure", [Unavailable("timeout on commit"), Unavailable("refused")])
async def test_after_a_failed_transaction_the_stream_goes_on_from_the_last_committed_position(
    rig: Rig, failure: Exception
) -> None:
    async with rig.running():
        await until(rig.streaming)
        first = await rig.org.write("contact", [ADA], {"Title": "1"})
        await until(lambda: rig.titles() == ["1"])
        rig.topics.failures = [failure]
        for number in ("2", "3"):
            await rig.org.write("contact", [ADA], {"Title": number})
        await until(lambda: len(rig.titles()) == 3)

    assert rig.titles() == ["1", "2", "3"]
    assert rig.org.subscriptions[1]["contact"] == first


async def test_a_broken_stream_is_taken_up_where_it_ended(rig: Rig) -> None:
    async with rig.running():
        await until(rig.streaming)
        first = await rig.org.write("contact", [ADA], {"Title": "1"})
        await until(lambda: rig.titles() == ["1"])
        await rig.org.break_stream(Unavailable("403::Unknown client"))
        await rig.org.write("contact", [ADA], {"Title": "2"})
        await until(lambda: len(rig.titles()) == 2)

    assert rig.org.subscriptions[1]["contact"] == first
    assert rig.titles() == ["1", "2"]


async def test_a_restarted_process_goes_on_where_its_predecessor_ended(rig: Rig) -> None:
    async with rig.running():
        await until(rig.streaming)
        await rig.org.write("contact", [ADA], {"Title": "1"})
        await until(lambda: rig.titles() == ["1"])
    await rig.org.write("contact", [ADA], {"Title": "2"})
    async with rig.running(rig.process(MemoryShardOwnership(range(64)))):
        await until(lambda: len(rig.titles()) == 2)

    assert rig.titles() == ["1", "2"]
    assert [c.record_id for c in rig.published("snapshot")].count(ADA) == 1


async def test_after_a_refused_replay_id_everything_since_the_last_confirmed_moment_is_read(rig: Rig) -> None:
    async with rig.running():
        await until(rig.streaming)
        await rig.org.write("contact", [ADA], {"Title": "1"})
        await until(lambda: rig.titles() == ["1"])
        confirmed = rig.position()
        rig.org.first_replay_id["contact"] = 10_000
        await rig.org.break_stream(Unavailable("gone"))
        await rig.org.write("contact", [BOB], {"Title": "while away"})
        await rig.org.write("contact", [EVE], {}, change_type="DELETE")
        await until(lambda: bool(rig.published("delete")))
        await until(rig.imported)

    assert [s["contact"] for s in rig.org.subscriptions[1:]] == [rig.org.events_sent[-3].replay_id, "-2"]
    assert [c.fields.get("Title") for c in rig.published("snapshot") if c.record_id == BOB][-1] == "while away"
    assert [c.record_id for c in rig.published("delete")] == [EVE]
    assert confirmed is not None
    assert confirmed.confirmed_ms is not None
    assert f"SystemModstamp >= {instant(confirmed.confirmed_ms - OVERLAP_MS)}" in rig.reads()[-1]


async def test_of_a_channel_that_never_delivered_what_changed_is_read_after_an_interruption(rig: Rig) -> None:
    async with rig.running():
        await until(rig.streaming)
        await rig.org.write("contact", [ADA], {"Title": "1"})
        await until(lambda: rig.titles() == ["1"])
        await rig.org.break_stream(Unavailable("gone"))
        await rig.org.write("lead", [record_id(1, "00Q")], {"Title": "while away"})
        await until(lambda: len(rig.reads("lead")) == 2)
        await until(rig.imported)

    leads = [change.fields.get("Title") for change in rig.published("snapshot") if change.entity == "lead"]
    assert leads == [None, "while away"]
    assert "SystemModstamp >= " in rig.reads("lead")[1]
    assert len(rig.reads("contact")) == 1


async def test_a_channel_that_was_away_for_longer_than_records_stay_in_the_recycle_bin_is_read_whole(rig: Rig) -> None:
    async with rig.running():
        await until(rig.streaming)
    shard = rig.topics.positions[shard_of("acme")]
    for key, before in shard.items():
        shard[key] = before.model_copy(update={"confirmed_ms": EPOCH_MS - 2 * RECYCLE_BIN_MS})
    async with rig.running(rig.process(MemoryShardOwnership(range(64)))):
        await until(lambda: len(rig.reads()) == 2)
        await until(rig.imported)
        await until(lambda: rig.job_ended("sweep-contact"))

    assert "WHERE" not in rig.reads()[1]
    assert rig.reads()[2] == "SELECT Id FROM Contact", "what disappeared meanwhile is looked for"


async def test_a_deletion_while_away_is_told_even_where_no_event_had_ever_come(rig: Rig) -> None:
    lead = record_id(1, "00Q")
    async with rig.running():
        await until(rig.streaming)
        await rig.org.break_stream(Unavailable("gone"))
        await rig.org.write("lead", [lead], {}, change_type="DELETE")
        await until(lambda: any(change.kind == "delete" for change in rig.published()))

    assert {c.record_id for c in rig.published("delete")} == {lead}
    assert rig.org.subscriptions[0]["lead"] is None, "the first connection begins with new events only"


async def test_an_interrupted_import_goes_on_with_the_page_that_was_not_committed(rig: Rig) -> None:
    rig.org.failures["query_page"] = [Unavailable("503")]
    async with rig.running():
        await until(rig.imported)

    assert rig.org.calls.count("query_create") == 3
    assert sorted(c.record_id for c in rig.published() if c.entity == "contact") == [ADA, BOB, EVE]


async def test_few_records_are_read_without_a_job(rig: Rig) -> None:
    rig = Rig(pace=replace(QUICK, rest_records=3))
    await rig.connect()
    for number in (1, 2, 3):
        await rig.org.write("contact", [record_id(number)], {"LastName": f"Name {number}"}, "CREATE")
    await rig.org.write("lead", [record_id(1, "00Q")], {"LastName": "Lead"}, "CREATE")
    async with rig.running():
        await until(rig.imported)

    assert rig.org.calls.count("query_create") == 1, "of the contacts, which are three"
    assert len(rig.published("snapshot")) == 4
    position = rig.position("lead")
    assert position is not None
    assert position.fields_digest is not None


async def test_a_reading_waits_while_our_share_of_the_orgs_requests_is_used_up(rig: Rig) -> None:
    rig.org.calls_left = 0
    async with rig.running():
        await until(lambda: len(rig.org.subscriptions) == 1)
        await rig.org.write("contact", [ADA], {"Title": "streams on"})
        await until(lambda: rig.titles() == ["streams on"])
        assert not rig.org.queries
        rig.org.calls_left = None
        await until(rig.imported)


async def test_a_predecessors_job_that_has_expired_is_created_again(rig: Rig) -> None:
    async with rig.running():
        await until(rig.streaming)
        await rig.org.write("contact", [ADA], {"Title": "1"})
        await until(lambda: rig.titles() == ["1"])
    shard = rig.topics.positions[shard_of("acme")]
    expired = Snapshot(
        state="running", began_ms=EPOCH_MS, job_id="750000000000999AAA", locator="2", after_id=BOB, rows=2
    )
    shard["acme", "contact"] = shard["acme", "contact"].model_copy(update={"snapshot": expired})
    async with rig.running(rig.process(MemoryShardOwnership(range(64)))):
        await until(rig.imported)

    assert (await rig.stored_connection()).state == "active"
    read = [c.record_id for c in rig.published("snapshot") if c.entity == "contact"]
    assert read == [ADA, BOB, EVE, EVE], "it goes on after the last record that was committed"
    position = rig.position()
    assert position is not None
    assert (position.snapshot.rows, position.snapshot.began_ms) == (3, EPOCH_MS)


async def test_a_failed_query_is_created_again_while_the_stream_goes_on(rig: Rig) -> None:
    rig.org.query_outcome = IngestState("Failed", 0, 0, "QUERY_TIMEOUT")
    async with rig.running():
        await until(lambda: rig.org.calls.count("query_create") > 4)
        await rig.org.write("contact", [ADA], {"Title": "1"})
        await until(lambda: rig.titles() == ["1"])
        rig.org.query_outcome = IngestState("JobComplete", 0, 0)
        await until(rig.imported)

    assert len(rig.org.subscriptions) == 1


async def test_quiet_channels_are_confirmed_by_polls_without_events(rig: Rig) -> None:
    answered_ms = EPOCH_MS + TRUSTED_MS // 2
    async with rig.running():
        await until(rig.streaming)
        await rig.org.poll_quietly(answered_ms)
        await until(lambda: confirmed(rig, "lead") == answered_ms - MARGIN_MS)
        await rig.org.poll_quietly(answered_ms + EVERY_MS // 2)
        await rig.org.poll_quietly(answered_ms + EVERY_MS)
        await until(lambda: confirmed(rig, "lead") == answered_ms - MARGIN_MS + EVERY_MS)

        statuses = {status.entity: status for status in rig.capture.statuses()}
    assert {status.state for status in statuses.values()} == {"streaming"}
    assert statuses["contact"].late_ms(answered_ms + EVERY_MS) == MARGIN_MS


async def test_an_event_confirms_its_channel_and_the_silent_ones_beside_it(rig: Rig) -> None:
    def committed_ms() -> int:
        return int(rig.org.events_sent[-1].payload["ChangeEventHeader"]["commitTimestamp"])

    async with rig.running():
        await until(rig.streaming)
        await rig.org.write("contact", [ADA], {"Title": "1"})
        await until(lambda: confirmed(rig, "account") == committed_ms() - MARGIN_MS)
        status = next(status for status in rig.capture.statuses() if status.entity == "contact")

    assert confirmed(rig, "contact") == committed_ms()
    assert status.lag_ms == 0, "the clock of this org is ahead of ours"


async def test_a_refused_channel_is_not_confirmed(rig: Rig) -> None:
    rig.org.refused_channels = {"account": Refusal("forbidden", "select Account")}
    async with rig.running():
        await until(rig.imported)
        await rig.org.poll_quietly(EPOCH_MS + TRUSTED_MS // 2)
        await until(lambda: confirmed(rig, "lead") == EPOCH_MS + TRUSTED_MS // 2 - MARGIN_MS)
        assert confirmed(rig, "account") != confirmed(rig, "lead")
        (status,) = [status for status in rig.capture.statuses() if status.entity == "account"]

    assert (status.state, status.reason) == ("forbidden", "select Account")


async def test_a_reply_that_comes_twice_is_published_once(rig: Rig) -> None:
    async with rig.running():
        await until(rig.streaming)
        await rig.org.write("contact", [ADA], {"Title": "1"})
        await until(lambda: rig.titles() == ["1"])
        repeated = rig.org.events_sent[-1]
        async with rig.org._news:
            rig.org.events_sent.append(repeated)
            rig.org._news.notify_all()
        await rig.org.write("contact", [ADA], {"Title": "2"})
        await until(lambda: len(rig.titles()) >= 2)

    assert rig.titles() == ["1", "2"]


async def test_gaps_are_read_again_before_the_position_moves_past_them(rig: Rig) -> None:
    async with rig.running():
        await until(rig.streaming)
        await rig.org.write("contact", [EVE], {"Title": "before"})
        await until(lambda: rig.titles() == ["before"])
        rig.org.failures["records"] = [Unavailable("503")]
        await rig.org.write("contact", [ADA, BOB], {"Title": "read"}, "GAP_UPDATE")
        await rig.org.write("contact", [EVE], {"Title": "after"})
        await until(lambda: rig.titles() == ["before", "after"])

    reread = [change for change in rig.published("snapshot") if change.fields.get("Title") == "read"]
    gap = rig.org.events_sent[-2].payload["ChangeEventHeader"]
    version = Version(gap["commitTimestamp"], gap["commitNumber"], gap["sequenceNumber"])
    assert [(change.record_id, change.version) for change in reread] == [(ADA, version), (BOB, version)]
    assert rig.org.subscriptions[1]["contact"] == rig.org.events_sent[-3].replay_id


async def test_after_an_overflow_the_whole_entity_is_read_again(rig: Rig) -> None:
    async with rig.running():
        await until(rig.streaming)
        rows = len(rig.published("snapshot"))
        rig.org.rows["contact"][ADA]["Title"] = "lost"
        await rig.org.write("contact", [ADA], {}, "GAP_OVERFLOW")
        await until(lambda: len(rig.published("snapshot")) >= rows + 3 and rig.imported())

    assert rig.published("snapshot")[-3:][0].fields["Title"] == "lost"
    assert len(rig.org.subscriptions) == 1


async def test_a_malformed_event_is_parked_and_stops_nobody(rig: Rig) -> None:
    async with rig.running():
        await until(rig.streaming)
        replay_id = await rig.org.emit("contact", {"no": "header"})
        await rig.org.write("contact", [ADA], {"Title": "next"})
        await until(lambda: rig.titles() == ["next"])

    (parked,) = rig.topics.parked
    assert (parked.team, parked.topic, parked.replay_id) == ("acme", "salesforce.contact.changes", replay_id)
    assert parked.reason == "malformed"
    assert parked.payload == '{"no": "header"}'


async def test_a_team_that_sends_only_malformed_events_is_parked_and_resumes_when_told(rig: Rig) -> None:
    async with rig.running():
        await until(rig.streaming)
        for _ in range(LIMIT_IN_A_ROW):
            await rig.org.emit("contact", {"no": "header"})
        await until(rig.is_refused)
        parked = await rig.stored_connection()
        await until(lambda: len(rig.topics.parked) == LIMIT_IN_A_ROW)
        assert not await rig.store.connections.swap([parked.model_copy(update={"state": "active", "detail": None})])
        await rig.org.write("contact", [ADA], {"Title": "next"})
        await until(lambda: rig.titles() == ["next"])

    told = (await rig.store.capture_status.load([("acme", "acme")]))["acme", "acme"].channels["contact"]
    assert (told.state, parked.state) == ("parked", "parked")
    assert "100 events in a row were malformed" in str(parked.detail)
    assert len(rig.topics.parked) == LIMIT_IN_A_ROW, "what was parked is not read again"


async def test_a_channel_that_is_refused_does_not_stop_the_others(rig: Rig) -> None:
    rig.org.refused_channels = {"account": Refusal("forbidden", "select Account")}
    async with rig.running():
        await until(lambda: bool(rig.org.subscriptions))
        await rig.org.write("contact", [ADA], {"Title": "streams"})
        await until(lambda: rig.titles() == ["streams"])

    assert (await rig.stored_connection()).state == "active"


async def test_a_refused_channel_is_imported_and_polled_until_it_can_be_had(rig: Rig) -> None:
    rig.org.refused_channels = {"lead": Refusal("forbidden", "select Lead")}
    async with rig.running():
        await until(lambda: any("LIMIT" in soql for soql in rig.reads("lead")))
        assert rig.imported()
        rig.org.refused_channels = {}
        await until(lambda: len(rig.org.subscriptions) > 1)
        await rig.org.write("lead", [record_id(1, "00Q")], {"Title": "streams"})
        await until(lambda: rig.titles() == ["streams"])

    assert not any("LIMIT" in soql for soql in rig.reads("contact"))


async def test_a_team_that_is_refused_is_marked_and_the_others_go_on() -> None:
    rig = Rig(teams=("acme", "globex"))
    await rig.connect("acme")
    await rig.connect("globex")
    rig.org.failures["events"] = [Refused("reconnect the team: segment-sync connections connect acme")]
    async with rig.running():
        await until(rig.is_refused)
        await until(lambda: rig.streaming(team="globex"))
        await rig.orgs.orgs["globex"].write("contact", [ADA], {"Title": "goes on"})
        await until(lambda: rig.titles() == ["goes on"])
        refused = await rig.stored_connection()
        assert not await rig.store.connections.swap([refused.model_copy(update={"state": "active", "detail": None})])
        await until(rig.streaming)

    assert refused.state == "needs_reconnect"
    assert refused.detail == "reconnect the team: segment-sync connections connect acme"


async def test_jobs_that_are_all_refused_are_not_created_for_ever() -> None:
    rig = Rig(pace=replace(QUICK, scale=1.0))
    await rig.connect()
    rig.org.failures["query_state"] = [Refused("NOT_FOUND") for _ in range(1000)]
    async with rig.running():
        await until(lambda: {rig.state(entity) for entity in ENTITIES} == {"forbidden"})

    assert 4 <= rig.org.calls.count("query_create") <= 12, "four for an entity at most"


async def test_a_fenced_shard_is_dropped_and_taken_up_again_when_it_is_still_owned(rig: Rig) -> None:
    async with rig.running():
        await until(rig.streaming)
        zombie = rig.topics.epochs[shard_of("acme")]
        await rig.topics.open(shard_of("acme"))
        await rig.org.write("contact", [ADA], {"Title": "by whom?"})
        await until(lambda: rig.titles() == ["by whom?"] or len(rig.org.subscriptions) == 2)
        await until(lambda: rig.imported() and len(rig.published("snapshot")) > 4)

    assert rig.topics.epochs[shard_of("acme")] == zombie + 2


async def test_sessions_end_with_their_shard_and_stay_with_it(rig: Rig) -> None:
    ownership = rig.ownership
    async with rig.running():
        await until(rig.streaming)
        ownership.assign([shard_of("acme")])
        await rig.org.write("contact", [ADA], {"Title": "kept"})
        await until(lambda: rig.titles() == ["kept"])
        assert len(rig.org.subscriptions) == 1
        ownership.assign([])
        await until(lambda: not rig.capture._shards)
        await rig.org.write("contact", [ADA], {"Title": "elsewhere"})

    assert rig.titles() == ["kept"]


async def test_a_disconnected_team_is_let_go_and_a_new_authorisation_begins_a_new_session(rig: Rig) -> None:
    async with rig.running():
        await until(rig.streaming)
        stored = await rig.stored_connection()
        await rig.store.connections.swap([stored.model_copy(update={"secret": "rotated"})])
        stored = await rig.stored_connection()
        await rig.store.connections.swap([stored.model_copy(update={"connected_at_ms": 2})])
        await until(lambda: len(rig.org.subscriptions) == 2)
        stored = await rig.stored_connection()
        await rig.store.connections.swap([stored.model_copy(update={"state": "disabled"})])
        await until(lambda: not rig.capture._shards)

    assert len(rig.org.subscriptions) == 2


async def test_an_outage_of_the_change_log_ends_nothing(rig: Rig) -> None:
    rig.topics.outage = Unavailable("Kafka does not answer")
    async with rig.running():
        await until(lambda: len(list(rig.capture.statuses())) == 3)
        stalled = list(rig.capture.statuses())
        rig.topics.outage = None
        await until(rig.imported)
        await until(lambda: {status.state for status in rig.capture.statuses()} == {"streaming"})

    assert {(status.state, status.reason) for status in stalled} == {("stalled", "Kafka does not answer")}


async def test_what_nobody_expects_ends_the_process(rig: Rig) -> None:
    rig.org.failures["query_state"] = [ZeroDivisionError()]
    with pytest.raises(ExceptionGroup):
        async with rig.running():
            await until(lambda: "query_state" in rig.org.calls)


@pytest.mark.parametrize("entity", ["contact", "lead", "account"])
async def test_interruptions_of_all_kinds_lose_nothing(rig: Rig, entity: Entity) -> None:
    written: list[str] = []
    async with rig.running():
        await until(rig.streaming)
        await rig.org.write(entity, [ADA], {"Title": "first"})
        await until(lambda: rig.titles() == ["first"])
        for number in range(60):
            written.append(str(number))
            await rig.org.write(entity, [record_id(number % 4)], {"Title": written[-1]})
            if number % 7 == 0:
                rig.topics.failures.append(Unavailable("commit timed out"))
            if number % 11 == 0:
                await rig.org.break_stream(Unavailable("lost"))
            if number % 13 == 0:
                rig.org.failures.setdefault("events", []).append(Unavailable("503"))
            await asyncio.sleep(0.001 * (number % 3))
        await until(lambda: len(rig.titles()) > 60)

    assert rig.titles() == ["first", *written]
