"""Markers and aborted messages take offsets that nobody ever sees: they are neither handed out nor in the way."""

from __future__ import annotations

from tests.support.waiting import until

from .conftest import Broker
from .consuming import Handled, consuming


async def test_only_committed_messages_are_handed_out(broker: Broker) -> None:
    """Offsets 0-2 aborted and 3 the marker, at the very start; 4, 5 committed, 6 its marker; 7 aborted, 8; 9, 10."""
    await broker.transaction(["lost"] * 3, commit=False)
    await broker.transaction(["a", "b"])
    await broker.transaction(["lost"], commit=False)
    await broker.transaction(["c"])
    first, second = Handled(), Handled()

    async def acknowledged() -> bool:
        return (await broker.acknowledged()).get(("first", 0)) == 10

    async with consuming(broker, first):
        await until(acknowledged)
    assert (first.values, first.by_partition()) == (["a", "b", "c"], {("first", 0): [4, 5, 9]})
    await broker.transaction(["lost"], commit=False)
    await broker.transaction(["d"])
    async with consuming(broker, second):
        await until(lambda: second.values != [])
    assert second.values == ["d"]
    assert await broker.acknowledged() == {("first", 0): 14}


async def test_transactions_while_it_reads_are_acknowledged_one_by_one(broker: Broker) -> None:
    handled = Handled()
    async with consuming(broker, handled) as opened:
        await until(lambda: opened.ready)
        for number in range(4):
            await broker.transaction(["lost"], partition=1, commit=False)
            await broker.transaction([str(number)], partition=1)
            last = 4 * number + 3

            async def acknowledged(last: int = last) -> bool:
                return (await broker.acknowledged()).get(("first", 1)) == last

            await until(acknowledged)
    assert handled.values == ["0", "1", "2", "3"]
