"""`workers.ports.Processor` on Faust: agents on raw bytes, started from a program, acknowledged in order.

Two things differ from Faust as shipped (both read in its 0.15.3 source and seen live):

- Its consumer is read_uncommitted unless `exactly_once` is on, so it would hand out what an aborted transaction of
  capture left behind. Here it is read_committed.
- Its bookkeeping of gaps counts the message after a transaction marker as done, and after an aborted transaction near
  the start of a partition it never commits again. Messages are acknowledged in order here, so everything below the
  last acknowledged offset is done and no gaps need to be known.

`noack_take(n, within)` always waits `within`, also for one message on a quiet topic. So an agent here only moves events
into a bounded inbox, and whatever has arrived while one batch was handled is the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import faust
from faust.exceptions import ConsumerNotStarted
from faust.transport.drivers import aiokafka as driver
from mode import CrashingSupervisor

from schemas.topics import Topic
from workers.adapters.kafka.topics import reachable
from workers.ports import Handler, Message, Unavailable

BATCH_MESSAGES = 500
"""Measured: 20-30 % more throughput than 100, nothing gained by 5,000."""


class CommittedReads(driver.AIOKafkaConsumerThread):
    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"
        return consumer


class InOrderConsumer(driver.Consumer):
    def _new_consumer_thread(self) -> CommittedReads:
        return CommittedReads(self, loop=self.loop, beacon=self.beacon)

    def _new_offset(self, tp: Any) -> int | None:
        acked: list[int] = self._acked[tp]
        if not acked:
            return None
        offset = max(acked) + 1
        acked.clear()
        self._acked_index[tp].clear()
        return offset

    async def _add_gap(self, tp: Any, offset_from: int, offset_to: int) -> None:
        """Gaps (markers, aborted messages) need no note: see `_new_offset`."""


class Transport(driver.Transport):
    Consumer = InOrderConsumer


class FaustProcessor:
    def __init__(self, bootstrap_servers: str, group: str, topics: Sequence[Topic], namespace: str = "") -> None:
        self._bootstrap_servers = bootstrap_servers
        self._namespace = namespace
        self._names = [topic.name for topic in topics]
        self._app = build_app(bootstrap_servers, namespace + group)

    @property
    def ready(self) -> bool:
        try:
            return bool(self._app.started and not self._app.rebalancing and self._app.consumer.assignment())
        except ConsumerNotStarted:
            return False

    async def run(self, handle: Handler, stop: asyncio.Event) -> None:
        """Raises what `handle` raised, Unavailable when no broker answers at the start or the consumer crashes."""
        await reachable(self._bootstrap_servers)
        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        for name in self._names:
            self._agent(name, handle, failed)
        self._app.finalize()
        try:
            await self._app.start()
            await first_of(stop.wait(), self._app.wait_until_stopped(), self._app._crashed.wait(), failed)
        finally:
            crashed = self._app.crashed
            await asyncio.wait_for(self._app.stop(), 30)
        if failed.done():
            failed.result()
        if crashed:
            raise Unavailable("the Kafka consumer crashed; its log has the cause")

    def _agent(self, name: str, handle: Handler, failed: asyncio.Future[None]) -> None:
        topic = self._app.topic(self._namespace + name, key_serializer="raw", value_serializer="raw")
        inbox: asyncio.Queue[Any] = asyncio.Queue(maxsize=2 * BATCH_MESSAGES)

        async def take(stream: Any) -> None:
            batches = asyncio.create_task(self._handle_batches(name, inbox, handle, failed))
            try:
                async for event in stream.noack().events():
                    await inbox.put(event)
            finally:
                batches.cancel()

        self._app.agent(topic, concurrency=1, name=name)(take)

    async def _handle_batches(
        self, name: str, inbox: asyncio.Queue[Any], handle: Handler, failed: asyncio.Future[None]
    ) -> None:
        try:
            while True:
                events = [await inbox.get()]
                while len(events) < BATCH_MESSAGES and not inbox.empty():
                    events.append(inbox.get_nowait())
                await handle([message_of(name, event.message) for event in events])
                for event in events:
                    event.ack()
        except Exception as error:  # handed to `run`, which raises it: the process ends with nothing acknowledged
            if failed.done():
                raise
            failed.set_exception(error)


def build_app(bootstrap_servers: str, group: str) -> faust.App:
    app = faust.App(
        group,
        broker=";".join(f"kafka://{server}" for server in bootstrap_servers.split(",")),
        store="memory://",
        agent_supervisor=CrashingSupervisor,
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        broker_max_poll_records=2 * BATCH_MESSAGES,
        broker_commit_interval=0.5,
        broker_session_timeout=10.0,
        broker_heartbeat_interval=3.0,
        broker_request_timeout=30.0,
        producer_request_timeout=30.0,
        consumer_auto_offset_reset="earliest",
        stream_wait_empty=False,
    )
    app.transport = Transport(app.conf.broker, app)
    return app


def message_of(topic: str, message: Any) -> Message:
    """A tombstone is an empty value, which no reader takes for a message of its own."""
    return Message(topic, message.partition, message.offset, message.key, message.value or b"")


async def first_of(*waits: Any) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            if isinstance(task, asyncio.Task):
                task.cancel()
