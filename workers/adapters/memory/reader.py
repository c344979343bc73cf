"""A `TopicReader` over messages in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from workers.ports import Message


class MemoryTopicReader:
    def __init__(self, *batches: Sequence[Message]) -> None:
        self._batches = batches

    async def total(self) -> int:
        return sum(len(batch) for batch in self._batches)

    async def read(self) -> AsyncIterator[Sequence[Message]]:
        for batch in self._batches:
            yield batch
