"""A message is acknowledged when it has been handled: in order, never before."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import psutil
import pytest

from schemas.topics import Topic
from tests.support.waiting import until
from workers.ports import Message, Unavailable

from .conftest import FIRST, SECOND, Broker
from .consuming import DEADLINE_SECONDS, Handled, consuming, processor

MANY = 1500
"""More than a batch of the processor (500) and less than its buffers hold, so that some wait in them when it ends."""


class Broken(Exception):
    """What a handler raises."""


async def test_every_message_comes_once_in_order_and_a_restart_brings_only_the_new(broker: Broker) -> None:
    await broker.send([f"a{n}" for n in range(MANY)], partition=0)
    await broker.send([f"b{n}" for n in range(10)], partition=1)
    await broker.send([f"c{n}" for n in range(10)], topic=SECOND)
    first, second = Handled(), Handled()
    async with consuming(broker, first) as opened:
        await until(lambda: opened.ready and len(first.messages) >= MANY + 20)
    assert first.by_partition() == {
        ("first", 0): list(range(MANY)),
        ("first", 1): list(range(10)),
        ("second", 0): list(range(10)),
    }
    assert (first.messages[0].key, first.messages[0].value[:1]) == (b"k", first.messages[0].value[:1])
    assert await broker.acknowledged() == {("first", 0): MANY, ("first", 1): 10, ("second", 0): 10}
    await broker.send(["new"])
    async with consuming(broker, second):
        await until(lambda: second.values != [])
    assert second.values == ["new"]


async def test_batches_are_of_one_topic_and_close_early(broker: Broker) -> None:
    sizes: list[int] = []

    async def note(messages: Sequence[Message]) -> None:
        assert len({message.topic for message in messages}) == 1
        sizes.append(len(messages))

    handled = Handled(note)
    async with consuming(broker, handled) as opened:
        await until(lambda: opened.ready)
        for value in ("one", "two"):
            await broker.send([value])
            await until(lambda value=value: value in handled.values)  # type: ignore[misc]
    assert sizes == [1, 1]


@pytest.mark.parametrize("error", [Broken("poison"), Unavailable("MongoDB does not answer")])
async def test_what_a_handler_raises_ends_the_run_with_nothing_skipped(broker: Broker, error: Exception) -> None:
    await broker.send([str(n) for n in range(MANY)])

    async def fail_at_700(messages: Sequence[Message]) -> None:
        if any(message.offset == 700 for message in messages):
            raise error

    failed, restarted = Handled(fail_at_700), Handled()
    with pytest.raises(type(error), match=str(error)):
        await asyncio.wait_for(processor(broker).run(failed, asyncio.Event()), DEADLINE_SECONDS)
    handled = failed.by_partition()["first", 0]
    assert (await broker.acknowledged()).get(("first", 0), 0) <= len(handled) <= 700
    async with consuming(broker, restarted):
        await until(lambda: restarted.values[-1:] == [str(MANY - 1)])
    assert restarted.by_partition()["first", 0] == list(range(len(handled), MANY))


async def test_partitions_are_handled_side_by_side_and_one_that_fails_takes_nothing_from_the_other(
    broker: Broker,
) -> None:
    for partition in (0, 1):
        await broker.send([f"{partition}-{n}" for n in range(MANY)], partition)
    both = asyncio.Event()
    entered: set[int] = set()

    async def fail_in_the_second(messages: Sequence[Message]) -> None:
        entered.update(message.partition for message in messages)
        if entered == {0, 1}:
            both.set()
        await asyncio.wait_for(both.wait(), DEADLINE_SECONDS)
        if any(message.value == b"1-700" for message in messages):
            raise Broken("poison")

    failed, restarted = Handled(fail_in_the_second), Handled()
    with pytest.raises(Broken):
        await asyncio.wait_for(processor(broker, (FIRST,)).run(failed, asyncio.Event()), 2 * DEADLINE_SECONDS)
    handled = failed.by_partition()
    acknowledged = await broker.acknowledged()
    for partition in (0, 1):
        assert acknowledged.get(("first", partition), 0) <= len(handled["first", partition])
    owed = {("first", p): list(range(acknowledged.get(("first", p), 0), MANY)) for p in (0, 1)}
    async with consuming(broker, restarted, (FIRST,)):
        await until(lambda: restarted.by_partition() == {key: offsets for key, offsets in owed.items() if offsets})


async def test_a_stop_in_the_middle_of_a_batch_skips_nothing(broker: Broker) -> None:
    await broker.send([str(n) for n in range(MANY)])
    stuck = asyncio.Event()

    async def hang_later(messages: Sequence[Message]) -> None:
        if messages[-1].offset >= 700:
            stuck.set()
            await asyncio.Event().wait()

    interrupted, restarted = Handled(hang_later), Handled()
    async with consuming(broker, interrupted):
        await asyncio.wait_for(stuck.wait(), DEADLINE_SECONDS)
    handled = interrupted.by_partition()["first", 0]
    async with consuming(broker, restarted):
        await until(lambda: restarted.values[-1:] == [str(MANY - 1)])
    assert handled + restarted.by_partition()["first", 0] == list(range(MANY))


async def test_acknowledgements_follow_while_it_runs(broker: Broker) -> None:
    handled = Handled()

    async def all_acknowledged() -> bool:
        return (await broker.acknowledged()).get(("first", 0)) == 10

    async with consuming(broker, handled):
        await broker.send([str(n) for n in range(10)])
        await until(all_acknowledged)


async def test_a_member_that_joins_takes_its_share_and_nothing_is_skipped(broker: Broker) -> None:
    """The first is stuck in a batch while partitions move; what it had in hand may come twice."""
    entered, moved = asyncio.Event(), asyncio.Event()

    async def wait_for_the_move(_: Sequence[Message]) -> None:
        entered.set()
        await moved.wait()

    first, second = Handled(wait_for_the_move), Handled()
    async with consuming(broker, first, (FIRST,)):
        for partition in (0, 1):
            await broker.send([str(n) for n in range(MANY)], partition)
        await asyncio.wait_for(entered.wait(), DEADLINE_SECONDS)
        async with consuming(broker, second, (FIRST,)) as joined:
            await until(lambda: joined.ready)
            moved.set()

            async def all_acknowledged() -> bool:
                return await broker.acknowledged() == {("first", 0): MANY, ("first", 1): MANY}

            await until(all_acknowledged)
    both = Handled()
    both.messages = first.messages + second.messages
    assert {key: set(offsets) for key, offsets in both.by_partition().items()} == {
        ("first", 0): set(range(MANY)),
        ("first", 1): set(range(MANY)),
    }
    assert second.messages != []


async def test_a_member_without_a_partition_idles(broker: Broker) -> None:
    handled = Handled()
    async with consuming(broker, handled, (SECOND,)) as one, consuming(broker, handled, (SECOND,)) as other:
        await until(lambda: one.ready != other.ready)
        await broker.send(["x", "y"], topic=SECOND)
        await until(lambda: set(handled.values) == {"x", "y"})


async def test_it_opens_no_port(broker: Broker) -> None:
    async with consuming(broker, Handled(), (SECOND,)) as opened:
        await until(lambda: opened.ready)
        listening = [c for c in psutil.Process().net_connections("inet") if c.status == psutil.CONN_LISTEN]
    assert listening == []


async def test_nobody_listens() -> None:
    nowhere = processor(Broker("127.0.0.1:1", "t"), (Topic("x", 1, "delete"),))
    with pytest.raises(Unavailable, match="KAFKA_BOOTSTRAP_SERVERS"):
        await nowhere.run(Handled(), asyncio.Event())
    assert not nowhere.ready
