"""The routing process: change topics and re-evaluation commands into people, accounts and segments."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from schemas.topics import CHANGES, REEVALUATIONS
from workers.ports import Clock, Message, Processor, Publisher, Refused, Store
from workers.routing.metrics import BATCH_SECONDS, ECHOES, MESSAGES, PARKED, RECORDS_CHANGED
from workers.runtime.apply import Applier
from workers.runtime.decode import Decoded, parked, split
from workers.runtime.reapply import reapply
from workers.runtime.retry import patiently

TOPICS = (*CHANGES.values(), REEVALUATIONS)


class Routing:
    def __init__(self, store: Store, publisher: Publisher, clock: Clock) -> None:
        self._store = store
        self._publisher = publisher
        self._clock = clock
        self._applier = Applier(store, publisher, clock)

    async def run(self, processor: Processor, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as tasks:
            reapplying = tasks.create_task(reapply(self._store, self._publisher, self._clock, stop))
            try:
                await processor.run(self.handle, stop)
            finally:
                reapplying.cancel()

    async def handle(self, messages: Sequence[Message]) -> None:
        """Returns when all of the batch is written or parked, so that it may be acknowledged."""
        with BATCH_SECONDS.time():
            readable, unreadable = split(messages, self._clock.now_ms())
            if unreadable:
                PARKED.inc(len(unreadable))
                await patiently(lambda: self._publisher.park(unreadable))
            await self._apply(readable)
        MESSAGES.labels(topic=messages[0].topic).inc(len(messages))

    async def _apply(self, batch: Sequence[tuple[Message, Decoded]]) -> None:
        """A batch that the store refuses is halved until the one message that cannot be stored stands alone."""
        if not batch:
            return
        try:
            applied = await patiently(lambda: self._applier.apply([decoded for _, decoded in batch]))
            RECORDS_CHANGED.inc(applied.records_changed)
            ECHOES.inc(applied.echoes)
        except Refused as refusal:
            if len(batch) > 1:
                middle = len(batch) // 2
                await self._apply(batch[:middle])
                await self._apply(batch[middle:])
                return
            PARKED.inc()
            reason = parked(batch[0][0], "unsupported", str(refusal), self._clock.now_ms())
            await patiently(lambda: self._publisher.park([reason]))
