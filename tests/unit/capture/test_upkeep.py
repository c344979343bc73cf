"""What a mirror needs although nothing happened to its stream."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.events import Position, Snapshot
from tests.support.waiting import until
from workers.adapters.memory.salesforce import EPOCH_MS, FIELDS
from workers.adapters.memory.shards import MemoryShardOwnership
from workers.core.capture.channel_status import RETENTION_MS
from workers.core.capture.positions import OVERLAP_MS
from workers.core.capture.reconciling import EVERY_MS
from workers.core.capture.shards import shard_of
from workers.core.capture.upkeep import expires_soon, has_other_fields
from workers.ports import FieldInfo, Unavailable

from .capture_rig import QUICK, Rig, record_id

HOUR_MS = 3_600_000
DONE = Position(team="acme", entity="contact", confirmed_ms=EPOCH_MS, snapshot=Snapshot(state="done"))


def change_position(rig: Rig, **update: object) -> None:
    """As if another process had committed it."""
    shard = rig.topics.positions[shard_of("acme")]
    shard["acme", "contact"] = shard["acme", "contact"].model_copy(update=update)


async def test_a_field_that_is_added_has_the_entity_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(pace=replace(QUICK, upkeep_seconds=0.002))
    await rig.connect()
    await rig.org.write("contact", [record_id(1)], {"LastName": "Name", "New__c": "filled"}, "CREATE")
    async with rig.running():
        await until(rig.streaming)
    added = (*FIELDS["contact"], FieldInfo("New__c", "string"))
    monkeypatch.setitem(FIELDS, "contact", added)
    async with rig.running(rig.process(MemoryShardOwnership(range(64)))):
        await until(lambda: rig.published("snapshot")[-1].fields.get("New__c") == "filled")


async def test_events_that_nobody_can_read_are_read_by_queries_before_they_expire() -> None:
    rig = Rig(pace=replace(QUICK, upkeep_seconds=0.002))
    await rig.connect()
    async with rig.running():
        await until(rig.streaming)
    change_position(rig, replay_id="3", confirmed_ms=EPOCH_MS - RETENTION_MS + 11 * HOUR_MS)
    await rig.org.write("contact", [record_id(1)], {"LastName": "while away"}, "CREATE")
    rig.org.failures["events"] = [Unavailable("503")] * 100_000
    async with rig.running(rig.process(MemoryShardOwnership(range(64)))):
        await until(lambda: bool(rig.published("snapshot")))

    assert rig.published("snapshot")[-1].fields["LastName"] == "while away"
    position = rig.position()
    assert position is not None
    assert position.replay_id == "3", "the stream goes on where it was, once it can be had"


async def test_a_comparison_is_asked_for_a_week_after_the_last_reading() -> None:
    rig = Rig(pace=replace(QUICK, upkeep_seconds=0.002))
    await rig.connect()
    async with rig.running():
        await until(rig.streaming)
    week_old = Snapshot(state="done", began_ms=EPOCH_MS - EVERY_MS)
    change_position(rig, snapshot=week_old, replay_id="3")
    async with rig.running(rig.process(MemoryShardOwnership(range(64)))):
        await rig.ended("reconcile-contact")

    assert await rig.job(job_id="reconcile-lead") is None


@pytest.mark.parametrize(
    ("age_hours", "since_ms"),
    [(0, None), (59, None), (61, EPOCH_MS - OVERLAP_MS), (100, EPOCH_MS - OVERLAP_MS)],
)
def test_when_events_expire_soon(age_hours: int, since_ms: int | None) -> None:
    now_ms = EPOCH_MS + age_hours * HOUR_MS
    assert expires_soon(DONE, now_ms, 12 * HOUR_MS) == since_ms
    reading = DONE.model_copy(update={"snapshot": Snapshot(state="running")})
    assert expires_soon(reading, now_ms, 12 * HOUR_MS) is None, "what is being read covers it"


def test_other_fields_are_those_of_another_digest() -> None:
    known = DONE.model_copy(update={"fields_digest": "a"})
    assert has_other_fields(known, "b")
    assert not has_other_fields(known, "a")
    assert not has_other_fields(DONE, "a"), "what an earlier version read is taken as it is"
