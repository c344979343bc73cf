"""Processes that ask the orgs of teams something, as every worker and command does: who shares a team's token."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

from tests.faults import child, points
from tests.faults.forked import FORKS, Forked
from workers.adapters.mongo import open_store
from workers.adapters.salesforce.orgs import Orgs
from workers.adapters.secrets import TokenCipher
from workers.ports import Refused, Store, Unavailable
from workers.runtime.process import SystemClock

ASKERS = 16


@dataclass(frozen=True, slots=True)
class Question:
    """How many contacts the team's org has, asked in so many seconds."""

    mongodb_uri: str = field(repr=False)
    database: str
    key: str = field(repr=False)
    team: str
    pause_seconds: float


def serve(pipe: Pipe, order_file: Path) -> None:
    """Until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    child.hurry_tokens()
    points.obey_at_tokens(order_file)
    asyncio.run(_serve(pipe))


async def _serve(pipe: Pipe) -> None:
    async with AsyncExitStack() as stack:
        opened: dict[str, tuple[Store, Orgs]] = {}
        while True:
            try:
                question: Question = await asyncio.to_thread(pipe.recv)
            except EOFError:
                return
            if question.database not in opened:
                store = await stack.enter_async_context(open_store(question.mongodb_uri, question.database))
                orgs = Orgs(store.connections, TokenCipher([question.key]), SystemClock(), allow_insecure_loopback=True)
                stack.push_async_callback(orgs.close)
                opened[question.database] = store, orgs
            await asyncio.sleep(question.pause_seconds)
            pipe.send(await _answer(question.team, *opened[question.database]))


async def _answer(team: str, store: Store, orgs: Orgs) -> str:
    connection = (await store.connections.load([(team, team)]))[team, team]
    try:
        await orgs.org(connection).count("SELECT count() FROM Contact")
    except (Refused, Unavailable) as error:
        return f"{type(error).__name__}: {error}"
    return "answered"


@dataclass(slots=True)
class Asker(Forked):
    _pipe: Pipe | None = None

    def start(self) -> None:
        if self.alive:
            return
        self.obey_no_more()
        self._pipe, theirs = FORKS.Pipe()
        self.running = FORKS.Process(target=serve, args=(theirs, self.order_file), daemon=True)
        self.running.start()
        theirs.close()

    async def ask(self, question: Question) -> str:
        """What the org, or the asker, said; "died" when it did."""
        assert self._pipe is not None
        pipe = self._pipe
        try:
            pipe.send(question)
            return str(await asyncio.to_thread(pipe.recv))
        except (EOFError, OSError):
            return "died"

    def end(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
        if self.running is not None:
            self.running.join(1.0)
        self.kill()


class Askers:
    """One run after the other has them."""

    def __init__(self, directory: Path) -> None:
        self._askers = [Asker(directory / f"asker-{number}.order") for number in range(ASKERS)]
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def mine(self) -> AsyncIterator[list[Asker]]:
        async with self._turn:
            for asker in self._askers:
                asker.start()
            yield self._askers

    def end(self) -> None:
        for asker in self._askers:
            asker.end()
