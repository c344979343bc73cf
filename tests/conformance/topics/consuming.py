"""A processor in this process, and what it was handed."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from schemas.topics import Topic
from workers.adapters.kafka.processor import FaustProcessor
from workers.ports import Handler, Message

from .conftest import FIRST, SECOND, Broker

DEADLINE_SECONDS = 30


class Handled:
    """A handler that remembers what it has handled, after doing what it is told to do first."""

    def __init__(self, before: Handler | None = None) -> None:
        self._before = before
        self.messages: list[Message] = []

    async def __call__(self, messages: Sequence[Message]) -> None:
        if self._before is not None:
            await self._before(messages)
        self.messages += messages

    @property
    def values(self) -> list[str]:
        return [message.value.decode() for message in self.messages]

    def by_partition(self) -> dict[tuple[str, int], list[int]]:
        offsets: dict[tuple[str, int], list[int]] = defaultdict(list)
        for message in self.messages:
            offsets[message.topic, message.partition].append(message.offset)
        return offsets


def processor(broker: Broker, topics: Sequence[Topic] = (FIRST, SECOND)) -> FaustProcessor:
    return FaustProcessor(broker.address, "readers", topics, broker.namespace)


@asynccontextmanager
async def consuming(
    broker: Broker, handle: Handler, topics: Sequence[Topic] = (FIRST, SECOND)
) -> AsyncIterator[FaustProcessor]:
    """Runs until the block ends, then stops as on SIGTERM."""
    opened, stop = processor(broker, topics), asyncio.Event()
    running = asyncio.create_task(opened.run(handle, stop))
    try:
        yield opened
    finally:
        stop.set()
        await asyncio.wait_for(running, DEADLINE_SECONDS)
