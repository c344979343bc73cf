"""What the pipeline relies on, tried on the servers that it gets."""

from __future__ import annotations

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import UnknownTopicOrPartitionError
from pymongo import AsyncMongoClient

pytestmark = pytest.mark.usefixtures("stack")


async def create_topic(kafka: str, name: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        response = await admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()
    assert [error for _, error, *_ in response.topic_errors] == [0]


async def read_committed(kafka: str, topic: str) -> list[bytes]:
    """Everything up to the end offset; markers and aborted records count as offsets, so follow the position."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, isolation_level="read_committed", enable_auto_commit=False)
    await consumer.start()
    partition = TopicPartition(topic, 0)
    values = []
    try:
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        end = (await consumer.end_offsets([partition]))[partition]
        while await consumer.position(partition) < end:
            batches = await consumer.getmany(timeout_ms=500)
            values += [record.value for batch in batches.values() for record in batch]
    finally:
        await consumer.stop()
    return values


async def test_a_reader_of_committed_records_sees_no_aborted_transaction(kafka: str, namespace: str) -> None:
    topic = f"{namespace}.changes"
    await create_topic(kafka, topic)
    producer = AIOKafkaProducer(bootstrap_servers=kafka, transactional_id=namespace)
    await producer.start()
    try:
        async with producer.transaction():
            await (await producer.send(topic, b"committed"))
        await producer.begin_transaction()
        await (await producer.send(topic, b"aborted"))
        await producer.abort_transaction()
        async with producer.transaction():
            await (await producer.send(topic, b"committed later"))
    finally:
        await producer.stop()
    assert await read_committed(kafka, topic) == [b"committed", b"committed later"]


async def test_a_mistyped_topic_is_an_error_and_no_new_topic(kafka: str, namespace: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka, request_timeout_ms=2000)
    await producer.start()
    try:
        with pytest.raises(UnknownTopicOrPartitionError):
            await producer.send(f"{namespace}.mistyped", b"lost")
    finally:
        await producer.stop()


async def test_a_mongodb_transaction_is_all_or_nothing(mongodb_uri: str, mongo_database: str) -> None:
    async with AsyncMongoClient[dict[str, object]](mongodb_uri, serverSelectionTimeoutMS=5000) as client:
        people = client[mongo_database]["people"]
        async with client.start_session() as session:
            async with await session.start_transaction():
                await people.insert_one({"_id": "committed"}, session=session)
            await session.start_transaction()
            await people.insert_one({"_id": "aborted"}, session=session)
            await session.abort_transaction()
        assert [document["_id"] async for document in people.find()] == ["committed"]


async def test_each_test_has_a_database_of_its_own(mongodb_uri: str, mongo_database: str) -> None:
    async with AsyncMongoClient[dict[str, object]](mongodb_uri) as client:
        assert await client[mongo_database].list_collection_names() == []
