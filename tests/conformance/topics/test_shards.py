"""Who owns which shards: members that come back, and members that go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from schemas.topics import SHARDS
from tests.support.waiting import until
from workers.adapters.kafka import shards
from workers.adapters.kafka.shards import KafkaShardOwnership
from workers.adapters.kafka.topics import ensure_topics

pytestmark = pytest.mark.stack

PATIENCE_SECONDS = 40.0


class Member:
    def __init__(self, servers: str, namespace: str, name: str) -> None:
        self._ownership = KafkaShardOwnership(servers, namespace, name)
        self.told: list[frozenset[int]] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        async for owned in self._ownership.assignments():
            self.told.append(owned)

    @property
    def owned(self) -> frozenset[int]:
        return self.told[-1] if self.told else frozenset()


async def test_a_member_that_vanished_and_is_back_keeps_its_shards_and_one_that_stops_gives_them_away(
    kafka: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ensure_topics(kafka, namespace, 1)
    one, other = Member(kafka, namespace, "one"), Member(kafka, namespace, "other")
    async with other.running():
        with monkeypatch.context() as killed:
            killed.setattr(shards, "_leave_when_stopped", lambda consumer: None)
            async with one.running():
                await until(lambda: _shared(one, other), PATIENCE_SECONDS)
        told = len(other.told)
        again = Member(kafka, namespace, "one")
        async with again.running():
            await until(lambda: bool(again.told), PATIENCE_SECONDS)
            assert again.owned == one.owned
            assert len(other.told) == told, "nobody else was bothered"
        assert await _gets_all(other)


def _shared(one: Member, other: Member) -> bool:
    return bool(one.owned and other.owned) and len(one.owned | other.owned) == SHARDS and not one.owned & other.owned


async def _gets_all(member: Member) -> bool:
    """Before the session of who is gone could have ended."""
    await until(lambda: len(member.owned) == SHARDS, shards.SESSION_TIMEOUT_MS / 1000 * 0.8)
    return True
