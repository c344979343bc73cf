"""Partitions are handled side by side, each of them in order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from workers.adapters.kafka.lanes import Lanes


@dataclass(frozen=True, slots=True)
class Some:
    partition: int
    records: Sequence[int]


def lanes(room: int = 100) -> Lanes[Some]:
    return Lanes(batch=10, room=room)


async def test_a_batch_is_filled_from_several_partitions() -> None:
    waiting = lanes()
    first, second, third = Some(0, range(4)), Some(1, range(6)), Some(2, range(1))
    for each in (first, second, third):
        await waiting.put(each)
    assert await waiting.take() == [first, second]
    assert await waiting.take() == [third]


async def test_a_stretch_longer_than_a_batch_comes_alone() -> None:
    waiting = lanes()
    await waiting.put(Some(0, range(50)))
    await waiting.put(Some(1, range(1)))
    assert await waiting.take() == [Some(0, range(50))]


async def test_a_partition_waits_for_its_batch_to_be_done_and_the_others_do_not() -> None:
    waiting = lanes()
    first, later, other = Some(0, range(10)), Some(0, range(3)), Some(1, range(3))
    for each in (first, later, other):
        await waiting.put(each)
    batch = await waiting.take()
    assert batch == [first]
    assert await waiting.take() == [other]
    blocked = asyncio.create_task(waiting.take())
    await asyncio.sleep(0)
    assert not blocked.done()
    await waiting.done(batch)
    assert await blocked == [later]


async def test_putting_waits_for_room_and_taking_for_something_to_take() -> None:
    waiting = lanes(room=5)
    taking = asyncio.create_task(waiting.take())
    await waiting.put(Some(0, range(5)))
    assert await taking == [Some(0, range(5))]
    await waiting.put(Some(1, range(5)))
    putting = asyncio.create_task(waiting.put(Some(2, range(1))))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(putting), 0)
    await waiting.take()
    await putting
    assert await waiting.take() == [Some(2, range(1))]


async def test_no_partition_starves() -> None:
    waiting = lanes(room=1000)
    for number in range(3):
        for partition in (0, 1):
            await waiting.put(Some(partition, range(number, number + 10)))
    order = []
    for _ in range(6):
        batch = await waiting.take()
        order.append(batch[0].partition)
        await waiting.done(batch)
    assert order == [0, 1, 0, 1, 0, 1]
