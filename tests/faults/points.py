"""The points, of a transaction or of a new token, at which a process can be made to vanish or to stand still."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder

from tests.faults.planted import instead
from workers.adapters.kafka import changelog
from workers.adapters.kafka.changelog import KafkaChangeLog
from workers.adapters.salesforce.tokens import Tokens

SIGNALS = {"kill": signal.SIGKILL, "freeze": signal.SIGSTOP}

POINTS = ("before send", "after first send", "before commit", "during commit", "after commit", "after append")

TOKEN_POINTS = ("before grant", "after grant", "after store")
"""Around the request for a new token. Between the second and the third nobody else knows what the org has granted."""


def write_order(file: Path, what: str, point: str, number: int) -> None:
    """To the process that looks there: `kill` or `freeze` yourself the n-th time from now that you pass this point."""
    draft = file.with_suffix(".draft")
    draft.write_text(f"{what}:{point}:{number}")
    draft.replace(file)


def obey(file: Path) -> None:
    """Whatever stands in there from now on."""
    order = _Order(file)
    publish, append = changelog._publish, KafkaChangeLog.append

    async def published(producer: AIOKafkaProducer, messages: Sequence[Any]) -> None:
        await publish(_Pointed(producer, order) if order.given else producer, messages)

    async def appended(log: KafkaChangeLog, changes: Any, positions: Any, parked: Any = ()) -> None:
        await append(log, changes, positions, parked)
        order.pass_point("after append")

    instead(changelog, "_publish", published)
    instead(KafkaChangeLog, "append", appended)


def obey_at_tokens(file: Path) -> None:
    order = _Order(file)
    grant, store_granted = Tokens._grant, Tokens._store_granted

    async def granted(tokens: Tokens, secret: dict[str, str]) -> Any:
        order.pass_point("before grant")
        answer = await grant(tokens, secret)
        order.pass_point("after grant")
        return answer

    async def stored(tokens: Tokens) -> None:
        new = tokens._granted is not None
        await store_granted(tokens)
        if new:
            order.pass_point("after store")

    instead(Tokens, "_grant", granted)
    instead(Tokens, "_store_granted", stored)


class _Order:
    def __init__(self, file: Path) -> None:
        self._file = file

    @property
    def given(self) -> bool:
        return self._file.exists()

    def pass_point(self, point: str) -> None:
        if not self.given:
            return
        what, wanted, left = self._file.read_text().split(":")
        if point != wanted:
            return
        if int(left) > 1:
            write_order(self._file, what, wanted, int(left) - 1)
        else:
            self._file.unlink()
            os.kill(os.getpid(), SIGNALS[what])


class _Pointed:
    """A producer that passes the points of a transaction."""

    def __init__(self, producer: AIOKafkaProducer, order: _Order) -> None:
        self._producer = producer
        self._order = order
        self._sent = 0

    async def begin_transaction(self) -> None:
        await self._producer.begin_transaction()
        self._order.pass_point("before send")

    async def partitions_for(self, topic: str) -> set[int]:
        partitions: set[int] = await self._producer.partitions_for(topic)
        return partitions

    def create_batch(self) -> BatchBuilder:
        return self._producer.create_batch()

    async def send_batch(self, batch: BatchBuilder, topic: str, *, partition: int) -> Any:
        future = await self._producer.send_batch(batch, topic, partition=partition)
        self._sent += 1
        if self._sent == 1:
            await future
            self._order.pass_point("after first send")
        return future

    async def commit_transaction(self) -> None:
        self._order.pass_point("before commit")
        committing = asyncio.create_task(self._producer.commit_transaction())
        await asyncio.sleep(0.002)  # the request is under way, or just about to be
        self._order.pass_point("during commit")
        await committing
        self._order.pass_point("after commit")
