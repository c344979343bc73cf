"""Ownership of shards through a consumer group on the positions topic, of which nothing is ever read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import suppress

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import KafkaError

from schemas.topics import POSITIONS
from workers.adapters.kafka.topics import reachable, topic_name, unavailable

SESSION_TIMEOUT_MS = 10_000
"""How long the shards of a worker that vanished stay with nobody. The broker's minimum is 6 s."""

HEARTBEAT_MS = 3_000
POLL_MS = 200
STOP_SECONDS = 3.0


class KafkaShardOwnership:
    """`workers.ports.ShardOwnership`.

    aiokafka rebalances eagerly: every rebalance revokes everything and assigns most of it again. Only the outcome is
    reported, so that the sessions of shards that stay are kept; meanwhile the fencing of the change logs protects.
    """

    def __init__(self, bootstrap_servers: str, namespace: str = "", instance_id: str | None = None) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._namespace = namespace
        # Static membership: who is back within the session timeout has the same shards, without a rebalance. None,
        # never "": members with one id evict each other for ever, since aiokafka joins again after FENCED_INSTANCE_ID.
        self._instance_id = instance_id or None

    async def assignments(self) -> AsyncIterator[frozenset[int]]:
        await reachable(self._bootstrap_servers)
        consumer = self._consumer()
        assigned: asyncio.Queue[frozenset[int]] = asyncio.Queue()
        try:
            await consumer.start()
            consumer.subscribe([topic_name(self._namespace, POSITIONS)], listener=_Listener(consumer, assigned))
            while True:
                # Every partition is paused. Polling tells the group that this member lives, and brings its errors here.
                await consumer.getmany(timeout_ms=POLL_MS)
                while not assigned.empty():
                    yield assigned.get_nowait()
        except KafkaError as error:
            raise unavailable(self._bootstrap_servers, error) from error
        finally:
            _leave_when_stopped(consumer)
            with suppress(KafkaError, TimeoutError):
                async with asyncio.timeout(STOP_SECONDS):
                    await consumer.stop()

    def _consumer(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap_servers,
            client_id=f"{self._namespace}capture",
            group_id=f"{self._namespace}capture",
            group_instance_id=self._instance_id,
            # A class of its own: aiokafka keeps what a member was assigned in the class, not in the instance.
            partition_assignment_strategy=[type("Sticky", (StickyPartitionAssignor,), {})],
            session_timeout_ms=SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
            enable_auto_commit=False,
            auto_offset_reset="latest",
        )


def _leave_when_stopped(consumer: AIOKafkaConsumer) -> None:
    """aiokafka does not take a static member out of its group: its shards would lie idle for the session timeout.
    Without its static id it does, and the broker goes by the member id (seen on Kafka 4.1: half a second)."""
    if (coordinator := consumer._coordinator) is not None:
        coordinator._group_instance_id = None


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, consumer: AIOKafkaConsumer, assigned: asyncio.Queue[frozenset[int]]) -> None:
        self._consumer = consumer
        self._assigned = assigned

    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Nothing: most of it comes back, and what does not is fenced by its next owner."""

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        self._consumer.pause(*assigned)
        self._assigned.put_nowait(frozenset(partition.partition for partition in assigned))
