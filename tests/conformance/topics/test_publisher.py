"""What routing publishes, as others read it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiokafka.errors import MessageSizeTooLargeError

from schemas.events import MembershipChange, Parked, Reevaluation, Score
from schemas.topics import MEMBERSHIPS, PARKED, REEVALUATIONS, SCORES, Topic
from workers.adapters.kafka.publisher import KafkaPublisher
from workers.adapters.kafka.reader import open_reader
from workers.adapters.kafka.topics import ensure_topics
from workers.ports import Message, Unavailable

RECORD = "001000000000001AAA"
ENTERED = MembershipChange(team="acme", segment_id="north", member="zoë@acme.com", kind="entered", revision=3)
COMMAND = Reevaluation(team="acme", entity="account", record_id=RECORD, reason="account", rule_set_version=2)
POISON = Parked(
    team=None, topic="first", partition=1, offset=7, reason="malformed", detail="bad", payload="\0\\xff", parked_at_ms=5
)
SCORE = Score(team="acme", subject="person", key="ada@acme.com", score=7.5, scored_at_ms=5)


@pytest.fixture
async def publisher(kafka: str, namespace: str) -> AsyncIterator[KafkaPublisher]:
    await ensure_topics(kafka, namespace, 1, (MEMBERSHIPS, REEVALUATIONS, PARKED, SCORES))
    opened = KafkaPublisher(kafka, namespace)
    await opened.start()
    yield opened
    await opened.stop()


async def published(kafka: str, namespace: str, topic: Topic) -> list[Message]:
    async with open_reader(kafka, (topic,), since_ms=None, namespace=namespace) as reader:
        return [message async for batch in reader.read() for message in batch]


async def test_memberships(publisher: KafkaPublisher, kafka: str, namespace: str) -> None:
    await publisher.memberships([ENTERED])
    [message] = await published(kafka, namespace, MEMBERSHIPS)
    assert MembershipChange.model_validate_json(message.value) == ENTERED
    assert message.key == "acme:north:zoë@acme.com".encode()


async def test_reevaluations(publisher: KafkaPublisher, kafka: str, namespace: str) -> None:
    await publisher.reevaluations([COMMAND])
    [message] = await published(kafka, namespace, REEVALUATIONS)
    assert Reevaluation.model_validate_json(message.value) == COMMAND
    assert message.key == f"acme:{RECORD}".encode()


async def test_parked_messages(publisher: KafkaPublisher, kafka: str, namespace: str) -> None:
    await publisher.park([POISON])
    [message] = await published(kafka, namespace, PARKED)
    assert Parked.model_validate_json(message.value) == POISON


async def test_the_messages_of_one_key_keep_their_order(publisher: KafkaPublisher, kafka: str, namespace: str) -> None:
    changes = [ENTERED.model_copy(update={"revision": n, "kind": "left" if n % 2 else "entered"}) for n in range(300)]
    await publisher.memberships(changes)
    read = [MembershipChange.model_validate_json(m.value) for m in await published(kafka, namespace, MEMBERSHIPS)]
    assert read == changes


async def test_nothing_to_publish(publisher: KafkaPublisher) -> None:
    await publisher.memberships([])


async def test_a_message_that_kafka_does_not_take_is_told(publisher: KafkaPublisher) -> None:
    with pytest.raises(Unavailable, match=r"routing\.parked") as raised:
        await publisher.park([POISON, POISON.model_copy(update={"payload": "x" * 2_000_000})])
    assert isinstance(raised.value.__cause__, MessageSizeTooLargeError)


async def test_nobody_listens() -> None:
    with pytest.raises(Unavailable, match="KAFKA_BOOTSTRAP_SERVERS"):
        await KafkaPublisher("127.0.0.1:1").start()


async def test_scores(publisher: KafkaPublisher, kafka: str, namespace: str) -> None:
    await publisher.scores([SCORE])
    [message] = await published(kafka, namespace, SCORES)
    assert Score.model_validate_json(message.value) == SCORE
    assert message.key == b"acme:person:ada@acme.com"
