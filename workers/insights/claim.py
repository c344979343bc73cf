"""Who carries a write-back run out: whoever created it, for as long as its revision keeps moving.

No two clocks are compared: a worker takes a run over only after it has itself seen the revision stand still for
`SILENCE_MS`, and the takeover is a compare-and-swap, so the one before it can record nothing any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress

from schemas.documents import WritebackRun
from workers.ports import Clock, Store, Unavailable

BEAT_SECONDS = 20.0
SILENCE_MS = 120_000
"""Six beats: longer than MongoDB takes to elect a primary, short against the hours that a large run may take."""


RELEASE_SECONDS = 3.0
"""Of the ten seconds or more that a process is given to stop."""


class TakenOver(Unavailable):
    """Another worker carries the run on."""


class Claim:
    """A run that this process carries out. `run` is as last written."""

    def __init__(self, store: Store, run: WritebackRun) -> None:
        self.run = run
        self._store = store
        self._writing = asyncio.Lock()

    async def update(self, **changes: object) -> WritebackRun:
        """Write the run; raises TakenOver when another worker has written it since, or Unavailable."""
        return await self.revise(lambda _: changes)

    async def revise(self, change: Callable[[WritebackRun], Mapping[str, object]]) -> WritebackRun:
        """The same with changes that follow from what is there, whoever in this process has written it meanwhile."""
        async with self._writing:
            revised = self.run.model_copy(update=change(self.run))
            if await self._store.writeback_runs.swap([revised]):
                raise TakenOver(
                    f"another worker has taken over the write-back run {self.run.run_id} of team {self.run.team}"
                )
            self.run = revised.model_copy(update={"rev": revised.rev + 1})
            return self.run

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """While open, the run's revision moves also during a long upload or wait. When it is left before the run's end,
        in order, the next worker may go on at once."""
        beating = asyncio.create_task(self._beat())
        try:
            yield
        except (Unavailable, asyncio.CancelledError):
            await self._release()
            raise
        finally:
            beating.cancel()
            await asyncio.wait([beating])

    async def _release(self) -> None:
        # Whoever comes finds out by the revision that stands still if this does not reach the store.
        with suppress(Unavailable, TimeoutError):
            async with asyncio.timeout(RELEASE_SECONDS):
                await self.update(released=True)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            # Not lost: the run's own next step meets the same error.
            with suppress(Unavailable):
                await self.update()


class Claims:
    """Takes runs, and remembers when those of other workers last moved."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._moved_at_ms: dict[tuple[str, str, int], int] = {}

    async def take(self, team: str, run_id: str, undoes: str | None = None) -> tuple[Claim | None, WritebackRun]:
        """The claim and the run; no claim when the run has ended or another worker is on it."""
        now_ms = self._clock.now_ms()
        new = Claim(self._store, WritebackRun(team=team, run_id=run_id, started_at_ms=now_ms, undoes=undoes))
        with suppress(TakenOver):
            return new, await new.update()
        found = (await self._store.writeback_runs.load([(team, run_id)]))[team, run_id]
        if found.state != "running" or not (found.released or self._silent(found, now_ms)):
            return None, found
        taken = Claim(self._store, found)
        with suppress(TakenOver):
            return taken, await taken.update(released=False)
        return None, found

    def _silent(self, run: WritebackRun, now_ms: int) -> bool:
        seen = (run.team, run.run_id, run.rev)
        if seen not in self._moved_at_ms:
            self._moved_at_ms = {key: ms for key, ms in self._moved_at_ms.items() if key[:2] != seen[:2]}
            self._moved_at_ms[seen] = now_ms
        return now_ms - self._moved_at_ms[seen] >= SILENCE_MS
