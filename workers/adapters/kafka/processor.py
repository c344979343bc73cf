"""`workers.ports.Processor` on Faust: agents on raw bytes, started from a program, acknowledged in order.

`noack_take(n, within)` always waits `within`, also for one message on a quiet topic. So an agent here only moves what
has come into `Lanes`, and whatever has arrived while one batch was handled is the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import faust
from faust.exceptions import ConsumerNotStarted
from mode import CrashingSupervisor

from schemas.topics import Topic
from workers.adapters.kafka.lanes import Lanes
from workers.adapters.kafka.topics import reachable
from workers.adapters.kafka.transport import BATCH_MESSAGES, Transport
from workers.ports import Handler, Message, Unavailable

IN_FLIGHT = 2
"""Batches of a topic at a time: one is decided on while the other is being written."""

WAITING_MESSAGES = 8 * BATCH_MESSAGES
"""Of a topic: a broker answers with what one partition has after the other, and several are to be there."""

WAITING_STRETCHES = 8
"""Of a topic, before they become `WAITING_MESSAGES`: only where those are there already."""

FETCH_BYTES = 256 * 1024
"""Of a partition at a time: a batch of 500 changes. With Faust's 1 MiB and four times as many stretches a process that
was behind held 16,000 messages and grew by 50 MB (measured). A single message may be larger."""


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
        lanes: Lanes[Any] = Lanes(BATCH_MESSAGES, WAITING_MESSAGES)

        async def take(stream: Any) -> None:
            handling = [
                asyncio.create_task(self._handle_batches(name, lanes, handle, failed)) for _ in range(IN_FLIGHT)
            ]
            try:
                async for event in stream.noack().events():
                    await lanes.put(event.message)
            finally:
                for each in handling:
                    each.cancel()

        self._app.agent(topic, concurrency=1, name=name)(take)

    async def _handle_batches(
        self, name: str, lanes: Lanes[Any], handle: Handler, failed: asyncio.Future[None]
    ) -> None:
        try:
            while True:
                batch = await lanes.take()
                await handle([message_of(name, record) for stretch in batch for record in stretch.records])
                for stretch in batch:
                    stretch.ack(self._app.consumer)
                await lanes.done(batch)
        except Exception as error:  # handed to `run`, which raises it: the process ends with nothing acknowledged
            if failed.done():
                raise
            failed.set_exception(error)


class App(faust.App):
    def _create_directories(self) -> None:
        """It keeps no tables; Faust would leave a folder for them wherever the process was started."""


def build_app(bootstrap_servers: str, group: str) -> faust.App:
    app = App(
        group,
        broker=";".join(f"kafka://{server}" for server in bootstrap_servers.split(",")),
        store="memory://",
        agent_supervisor=CrashingSupervisor,
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        broker_max_poll_records=4 * BATCH_MESSAGES,
        consumer_max_fetch_size=FETCH_BYTES,
        broker_commit_interval=0.5,
        broker_session_timeout=10.0,
        broker_heartbeat_interval=3.0,
        broker_request_timeout=30.0,
        producer_request_timeout=30.0,
        consumer_auto_offset_reset="earliest",
        stream_buffer_maxsize=WAITING_STRETCHES,
        stream_wait_empty=False,
    )
    app.transport = Transport(app.conf.broker, app)
    return app


def message_of(topic: str, record: Any) -> Message:
    """A tombstone is an empty value, which no reader takes for a message of its own."""
    return Message(topic, record.partition, record.offset, record.key, record.value or b"")


async def first_of(*waits: Any) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            if isinstance(task, asyncio.Task):
                task.cancel()
