"""Work that goes on while the next is prepared."""

from __future__ import annotations

import asyncio

import pytest

from workers.runtime.in_flight import InFlight


class Work:
    def __init__(self) -> None:
        self.begun: list[int] = []
        self.ended: list[int] = []
        self.may_end = asyncio.Event()

    async def do(self, number: int) -> None:
        self.begun.append(number)
        await self.may_end.wait()
        self.ended.append(number)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_so_much_goes_on_at_a_time_and_all_of_it_is_done_in_the_end() -> None:
    work = Work()

    async def all_of_it() -> None:
        async with InFlight(2) as flight:
            for number in range(3):
                await flight.add(work.do(number))

    whole = asyncio.create_task(all_of_it())
    await settle()
    assert (work.begun, work.ended) == ([0, 1], [])
    work.may_end.set()
    await whole
    assert work.ended == [0, 1, 2]


async def fail() -> None:
    raise ValueError("broken")


async def test_what_fails_ends_the_rest() -> None:
    work = Work()

    async def broken() -> None:
        async with InFlight(3) as flight:
            await flight.add(fail())
            await flight.add(work.do(1))
            await flight.add(work.do(2))

    with pytest.raises(ValueError, match="broken"):
        await broken()
    work.may_end.set()
    await settle()
    assert (work.begun, work.ended) == ([1, 2], [])


async def test_an_error_of_the_block_ends_what_is_under_way() -> None:
    work = Work()

    async def broken() -> None:
        async with InFlight(3) as flight:
            await flight.add(work.do(1))
            await settle()
            raise KeyError

    with pytest.raises(KeyError):
        await broken()
    work.may_end.set()
    await settle()
    assert (work.begun, work.ended) == ([1], [])
