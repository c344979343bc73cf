"""A TCP proxy between workers and servers, with the weather of a bad network.

A client says in a first line whom it wants (`child.Network`). Bytes that are held come late, as after a partition that
TCP outlives. With `on_request` the proxy understands just enough of Kafka's protocol (a length, then the number of the
request) to lose or delay one kind of request.
"""

from __future__ import annotations

import asyncio
import random
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

END_TXN = 26
"""Kafka's number of the request that commits or aborts a transaction."""

READ_BYTES = 65_536

READ_SECONDS = 0.1
"""A close right behind a request may overtake it in the server."""

Fate = Literal["pass", "lose reply", "lose connection", "deliver late"]


@dataclass(slots=True)
class Weather:
    delay_seconds: tuple[float, float] = (0.0, 0.0)
    slice_bytes: int = READ_BYTES
    bytes_per_second: float | None = None


class FaultProxy:
    """Made by `open_proxy`. Everything may be changed while connections are open."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.weather = Weather()
        self.on_request: Callable[[int], Fate] = lambda _: "pass"
        self.late_seconds = 1.0
        self._open_to_server = asyncio.Event()
        self._open_to_client = asyncio.Event()
        self._links: set[_Link] = set()
        self.heal()

    @property
    def connections(self) -> int:
        return len(self._links)

    def partition(self, *, to_server: bool = True, to_client: bool = True) -> None:
        """Nothing gets through in these directions until `heal`."""
        if to_server:
            self._open_to_server.clear()
        if to_client:
            self._open_to_client.clear()

    def heal(self) -> None:
        self.weather = Weather()
        self.on_request = lambda _: "pass"
        self._open_to_server.set()
        self._open_to_client.set()

    def reset(self) -> None:
        """Every connection of the moment."""
        for link in [*self._links]:
            link.reset()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            host, _, port = (await reader.readuntil(b"\n")).decode().strip().rpartition(":")
            server_reader, server_writer = await asyncio.open_connection(host, int(port))
        except (OSError, asyncio.IncompleteReadError):
            writer.transport.abort()
            return
        link = _Link(writer, server_writer)
        self._links.add(link)
        to_server = asyncio.create_task(self._to_server(link, reader))
        to_client = asyncio.create_task(self._to_client(link, server_reader))
        try:
            await asyncio.wait({to_server, to_client}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._links.discard(link)
            for task in (to_server, to_client):
                task.cancel()
            await asyncio.gather(to_server, to_client, return_exceptions=True)
            link.close()

    async def _to_server(self, link: _Link, reader: asyncio.StreamReader) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            async for frame in _frames(reader):
                fate = self.on_request(frame.number)
                if fate == "deliver late":
                    await self._deliver_late(link, frame.data)
                    return
                link.silent |= fate != "pass"
                await self._pass_on(frame.data, link.server, self._open_to_server)
                if fate == "lose connection":
                    link.client.transport.abort()
                    await asyncio.sleep(READ_SECONDS)
                    return

    async def _deliver_late(self, link: _Link, data: bytes) -> None:
        """The client sees its connection end; the server gets the request when the client has long gone on."""
        link.client.transport.abort()
        await asyncio.sleep(self.late_seconds)
        link.server.write(data)
        await link.server.drain()
        await asyncio.sleep(READ_SECONDS)

    async def _to_client(self, link: _Link, reader: asyncio.StreamReader) -> None:
        with suppress(OSError):
            while data := await reader.read(READ_BYTES):
                if not link.silent:
                    await self._pass_on(data, link.client, self._open_to_client)

    async def _pass_on(self, data: bytes, writer: asyncio.StreamWriter, way: asyncio.Event) -> None:
        for start in range(0, len(data), self.weather.slice_bytes):
            part = data[start : start + self.weather.slice_bytes]
            await asyncio.sleep(self._seconds_for(len(part)))
            await way.wait()
            writer.write(part)
            await writer.drain()

    def _seconds_for(self, size_bytes: int) -> float:
        seconds = self._rng.uniform(*self.weather.delay_seconds)
        rate = self.weather.bytes_per_second
        return seconds + (size_bytes / rate if rate else 0.0)


@dataclass(slots=True, eq=False)
class _Link:
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    silent: bool = False
    """Replies are lost."""

    def reset(self) -> None:
        self.client.transport.abort()
        self.server.transport.abort()

    def close(self) -> None:
        self.client.close()
        self.server.close()


@dataclass(frozen=True, slots=True)
class _Frame:
    number: int
    data: bytes = field(repr=False)


KAFKA_FRAME_LIMIT_BYTES = 100_000_000
"""What claims to be longer is another protocol: HTTP's first four letters make a number above a billion."""


async def _frames(reader: asyncio.StreamReader) -> AsyncIterator[_Frame]:
    """Requests of Kafka's protocol; of another one, what comes as it comes."""
    head = await reader.readexactly(4)
    (length,) = struct.unpack(">I", head)
    while length <= KAFKA_FRAME_LIMIT_BYTES:
        body = await reader.readexactly(length)
        yield _Frame(struct.unpack(">h", body[:2])[0], head + body)
        head = await reader.readexactly(4)
        (length,) = struct.unpack(">I", head)
    yield _Frame(-1, head)
    while data := await reader.read(READ_BYTES):
        yield _Frame(-1, data)


@asynccontextmanager
async def open_proxy(rng: random.Random) -> AsyncIterator[tuple[FaultProxy, int]]:
    """The proxy and the port that it listens on."""
    proxy = FaultProxy(rng)
    server = await asyncio.start_server(proxy.accept, "127.0.0.1", 0)
    try:
        yield proxy, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        proxy.heal()
        proxy.reset()
        while proxy.connections:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
