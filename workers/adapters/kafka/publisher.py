"""Outgoing topics: memberships, re-evaluation commands, parked messages, scores that came over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from pydantic import BaseModel

from schemas import topics
from schemas.events import MembershipChange, Parked, Reevaluation, Score
from workers.adapters.kafka.batches import MAX_BATCH_BYTES, MAX_MESSAGE_BYTES, Outgoing, send_batches
from workers.adapters.kafka.topics import unavailable
from workers.ports import Unavailable

RECORD_BYTES = 100
"""More than what a batch of one record holds besides its key and value."""


class KafkaPublisher:
    """Implements `workers.ports.Publisher` on one idempotent producer (acks=all)."""

    def __init__(self, bootstrap_servers: str, namespace: str = "") -> None:
        self._bootstrap_servers = bootstrap_servers
        self._namespace = namespace
        self._producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap_servers,
            enable_idempotence=True,
            acks="all",
            client_id="segment-sync",
            max_batch_size=MAX_BATCH_BYTES,
        )

    async def start(self) -> None:
        try:
            await self._producer.start()
        except KafkaError as error:
            await self._producer.stop()
            raise unavailable(self._bootstrap_servers, error) from error

    async def stop(self) -> None:
        await self._producer.stop()

    async def memberships(self, changes: Sequence[MembershipChange]) -> None:
        await self._send(topics.MEMBERSHIPS.name, ((f"{c.team}:{c.segment_id}:{c.member}", c) for c in changes))

    async def reevaluations(self, commands: Sequence[Reevaluation]) -> None:
        await self._send(topics.REEVALUATIONS.name, ((f"{c.team}:{c.record_id}", c) for c in commands))

    async def park(self, messages: Sequence[Parked]) -> None:
        await self._send(topics.PARKED.name, ((f"{m.team}:{m.topic}:{m.partition}:{m.offset}", m) for m in messages))

    async def scores(self, scores: Sequence[Score]) -> None:
        await self._send(topics.SCORES.name, ((f"{s.team}:{s.subject}:{s.key}", s) for s in scores))

    async def _send(self, topic: str, messages: Iterable[tuple[str, BaseModel]]) -> None:
        """Returns when the broker has acknowledged every message; raises Unavailable when one was not."""
        try:
            outgoing = [
                Outgoing(self._namespace + topic, key.encode(), message.model_dump_json().encode())
                for key, message in messages
            ]
            require_fitting(outgoing)
            sent: list[asyncio.Future[object]] = []
            await send_batches(self._producer, outgoing, sent)
            outcomes = await asyncio.gather(*sent, return_exceptions=True)
        except KafkaError as error:
            raise Unavailable(f"Kafka refused a message for {topic}: {error}") from error
        for outcome in outcomes:
            if isinstance(outcome, KafkaError):
                raise Unavailable(f"Kafka did not acknowledge a message for {topic}: {outcome}") from outcome
            if isinstance(outcome, BaseException):
                raise outcome


def require_fitting(messages: Iterable[Outgoing]) -> None:
    """A batch that the broker refuses would break the producer's sequence numbers for those after it."""
    for message in messages:
        if len(message.key) + len(message.value) + RECORD_BYTES > MAX_MESSAGE_BYTES:
            raise MessageSizeTooLargeError(f"a message of {len(message.value)} bytes")
