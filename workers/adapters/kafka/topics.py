"""Names of topics, and creating them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, for_code

from schemas.topics import ALL, POSITIONS, Topic
from workers.ports import Refused, Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TOPIC_EXISTS = 36
"""Kafka's error code TOPIC_ALREADY_EXISTS."""

CONNECT_SECONDS = 5.0
REQUEST_TIMEOUT_MS = 10_000
USABLE_SECONDS = 15.0
"""Seen: 10 ms to 1 s on one busy machine."""

POSITIONS_CONFIG = {
    # Kafka compacts closed segments only, and by default closes one at 1 GiB or after 7 days. A shard reads its
    # partition from the start when it opens: 8 MiB are some 20,000 positions, read in well under a second.
    "segment.bytes": str(8 * 1024 * 1024),
    "segment.ms": str(60 * 60 * 1000),
    "min.cleanable.dirty.ratio": "0.1",
}


def topic_name(namespace: str, topic: Topic) -> str:
    """The topic's name on the broker; the namespace is empty in production."""
    return f"{namespace}{topic.name}"


async def ensure_topics(
    bootstrap_servers: str, namespace: str = "", replication_factor: int = 3, topics: Sequence[Topic] = ALL
) -> None:
    """Create the topics that are missing, and wait until they can be used. Leaves existing ones as they are.

    Raises Unavailable when no broker answers, Refused when it does not create one.
    """
    async with admin(bootstrap_servers) as client:
        reply = await client.create_topics([_new(namespace, topic, replication_factor) for topic in topics])
        # create_topics does not raise: every topic has its own error.
        for name, code, *rest in reply.topic_errors:
            if code not in (0, TOPIC_EXISTS):
                raise Refused(f"Kafka did not create the topic {name}: {_why(code, rest)}")
        async with asyncio.timeout(USABLE_SECONDS):
            names = [topic_name(namespace, topic) for topic in topics]
            while not await _usable(client, names):  # noqa: ASYNC110 - the broker tells nobody when it is
                await asyncio.sleep(0.05)


async def _usable(client: AIOKafkaAdminClient, names: list[str]) -> bool:
    """Brokers learn of a new topic some time after the controller has created it; until then consumers ignore it."""
    described = await client.describe_topics(names)
    return all(topic["error_code"] == 0 and _led(topic["partitions"]) for topic in described)


def _led(partitions: Sequence[Mapping[str, int]]) -> bool:
    return bool(partitions) and all(p["error_code"] == 0 and p["leader"] >= 0 for p in partitions)


def _new(namespace: str, topic: Topic, replication_factor: int) -> NewTopic:
    config = topic.config | (POSITIONS_CONFIG if topic is POSITIONS else {})
    return NewTopic(topic_name(namespace, topic), topic.partitions, replication_factor, topic_configs=config)


def _why(code: int, rest: Sequence[object]) -> str:
    name = for_code(code).__name__
    message = next((str(text) for text in rest if text), "")
    return f"{name}: {message} (KAFKA_REPLICATION_FACTOR)" if "Replication" in name else f"{name}: {message}"


@asynccontextmanager
async def admin(bootstrap_servers: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client that is started and closed. Raises Unavailable, also when a request fails."""
    await reachable(bootstrap_servers)
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=REQUEST_TIMEOUT_MS)
    try:
        await client.start()
        yield client
    except (KafkaError, TimeoutError) as error:
        raise unavailable(bootstrap_servers, error) from error
    finally:
        await client.close()


async def reachable(bootstrap_servers: str) -> None:
    """Raises Unavailable when nobody listens at any of the addresses.

    Asked before aiokafka is started, which logs every attempt as an error and keeps trying in the background.
    """
    reason: Exception | None = None
    for address in bootstrap_servers.split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, writer = await asyncio.open_connection(host, int(port))
        except (OSError, ValueError) as error:
            reason = error
            continue
        writer.close()
        return
    raise unavailable(bootstrap_servers, reason)


def unavailable(bootstrap_servers: str, reason: BaseException | None) -> Unavailable:
    text = str(reason) or type(reason).__name__
    return Unavailable(f"Kafka does not answer at {bootstrap_servers}: check KAFKA_BOOTSTRAP_SERVERS ({text})")
