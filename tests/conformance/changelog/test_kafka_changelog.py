"""What is particular to Kafka: refused records, and brokers that do not answer."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from schemas.events import Change
from schemas.topics import CHANGES, PARKED, POSITIONS
from tests.support.waiting import until
from workers.adapters.kafka.changelog import open_change_log
from workers.adapters.kafka.topics import admin, ensure_topics, topic_name
from workers.ports import Fenced, Refused, Unavailable

from .conftest import _committed
from .test_changelog import change, position

pytestmark = pytest.mark.stack


async def test_when_the_broker_refuses_one_record_none_is_committed(kafka: str, namespace: str) -> None:
    await ensure_topics(kafka, namespace, 1, (CHANGES["contact"], PARKED, POSITIONS))
    log = await open_change_log(kafka, 3, namespace, max_message_bytes=8_000_000)
    try:
        with pytest.raises(Unavailable, match="KAFKA_BOOTSTRAP_SERVERS"):
            await log.append([change(1), change(2, "x" * 2_000_000)], [position(2)])
        with pytest.raises(Unavailable, match="open it again"):
            await log.append([change(3)], [position(3)])
    finally:
        await log.close()

    successor = await open_change_log(kafka, 3, namespace)
    assert await successor.positions() == {}
    await successor.append([change(4)], [position(4)])
    await successor.close()
    assert len(await _committed(kafka, namespace, CHANGES["contact"])) == 1


async def test_a_zombie_that_learns_of_its_fence_between_two_sends_is_fenced(
    kafka: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """aiokafka then refuses the second send with an error that is no KafkaError: it once ended the process."""
    await ensure_topics(kafka, namespace, 1, (CHANGES["contact"], PARKED, POSITIONS))
    zombie = await open_change_log(kafka, 4, namespace)
    successor = await open_change_log(kafka, 4, namespace)
    producer = zombie._producer
    send_batch = producer.send_batch

    async def send_and_learn(*args: Any, **options: Any) -> Any:
        sent = await send_batch(*args, **options)
        await until(producer._txn_manager.is_fatal_error)
        return sent

    monkeypatch.setattr(producer, "send_batch", send_and_learn)
    with pytest.raises(Fenced):
        await zombie.append([change(1)], [position(1)])
    await successor.append([change(2)], [position(2)])
    await successor.close()


async def test_a_shard_is_not_opened_at_older_positions_while_a_stranger_holds_a_transaction_open(
    kafka: str, namespace: str
) -> None:
    """What was committed after the transaction began cannot be read yet: it would all be published a second time."""
    await ensure_topics(kafka, namespace, 1, (CHANGES["contact"], PARKED, POSITIONS))
    owner = await open_change_log(kafka, 6, namespace)
    async with AIOKafkaProducer(bootstrap_servers=kafka, transactional_id=f"{namespace}stranger") as stranger:
        await stranger.begin_transaction()
        await stranger.send_and_wait(topic_name(namespace, POSITIONS), b"{}", key=b"stranger", partition=6)
        await owner.append([change(1)], [position(1)])
        await owner.close()
        opening = asyncio.create_task(open_change_log(kafka, 6, namespace))
        await asyncio.wait([opening], timeout=1.0)
        assert not opening.done()
        await stranger.abort_transaction()
    successor = await opening
    assert [one.replay_id for one in (await successor.positions()).values()] == [position(1).replay_id]
    await successor.close()


async def test_changes_of_a_record_keep_their_order_and_their_place_over_many_batches(
    kafka: str, namespace: str
) -> None:
    """Their place is where any other producer would put them."""
    await ensure_topics(kafka, namespace, 1, (CHANGES["contact"], PARKED, POSITIONS))
    log = await open_change_log(kafka, 5, namespace)
    first = change(1)
    await log.append([change(n, "y" * 2000).model_copy(update={"record_id": first.record_id}) for n in range(500)], [])
    await log.close()
    values = await _committed(kafka, namespace, CHANGES["contact"])
    assert [Change.model_validate_json(value).version.commit_time_ms for value in values] == list(range(500))
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        topic = topic_name(namespace, CHANGES["contact"])
        placed = await producer.send_and_wait(topic, b"{}", key=f"acme:{first.record_id}".encode())
    assert placed.offset >= 500


async def test_shards_do_not_see_each_other(kafka: str, namespace: str) -> None:
    await ensure_topics(kafka, namespace, 1, (CHANGES["contact"], POSITIONS))
    one, other = await open_change_log(kafka, 1, namespace), await open_change_log(kafka, 2, namespace)
    await one.append([change(1)], [position(1)])

    assert await other.positions() == {}
    await other.append([change(2)], [position(2, "globex")])
    await one.append([change(3)], [position(3)])
    await one.close()
    await other.close()


async def test_topics_are_created_once_with_their_configuration(kafka: str, namespace: str) -> None:
    await ensure_topics(kafka, namespace, 1)
    await ensure_topics(kafka, namespace, 1)

    async with admin(kafka) as client:
        described = await client.describe_topics([topic_name(namespace, POSITIONS)])
    assert len(described[0]["partitions"]) == POSITIONS.partitions


async def test_a_topic_that_cannot_be_created_names_the_setting(kafka: str, namespace: str) -> None:
    with pytest.raises(Refused, match="KAFKA_REPLICATION_FACTOR"):
        await ensure_topics(kafka, namespace, 300, (PARKED,))


async def test_a_broker_that_is_not_there_is_named_without_noise(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1: check KAFKA_BOOTSTRAP_SERVERS"):
            await ensure_topics("127.0.0.1:1")
        with pytest.raises(Unavailable, match="KAFKA_BOOTSTRAP_SERVERS"):
            await open_change_log("127.0.0.1:1", 0)

    assert caplog.records == []
