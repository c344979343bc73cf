"""The rows of a run as its plan finds them: sorted, and kept in packs before anything is sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from schemas.documents import WritebackPack, WritebackRow, WritebackRun
from schemas.events import Entity
from workers.core.writeback.order import Planned
from workers.core.writeback.packs import packed, packs_of, planned_of, state_of
from workers.insights.claim import TakenOver
from workers.ports import Store
from workers.runtime.in_flight import InFlight
from workers.runtime.writeback_rows import packs

SORTED_ROWS = 200_000
"""Rows sorted together, in some 80 MB: as many as one job takes. Of more, contacts of one account may stand in several
places: what a lock then keeps out is sent again."""

PACKS_TOGETHER = 10
"""Written by one operation, a megabyte."""

WRITES_AT_ONCE = 3


class Sheet:
    """`run.sheet` is this worker's own: nobody else adds to it."""

    def __init__(self, store: Store, run: WritebackRun) -> None:
        self._store = store
        self._run = run
        self._rows: dict[str, Planned] = {}
        self._packs: Counter[Entity] = Counter()

    async def add(self, rows: Iterable[Planned]) -> None:
        """Of a record that comes twice, since it is about to move from one person to another, the first row."""
        for row in rows:
            self._rows.setdefault(row.record_id, row)
        if len(self._rows) >= SORTED_ROWS:
            await self.keep()

    async def keep(self) -> None:
        """Write what was added."""
        await self._leave_out_known()
        made = list(packs_of(self._run, sorted(self._rows.values()), self._packs))
        self._rows.clear()
        async with InFlight(WRITES_AT_ONCE) as writing:
            for start in range(0, len(made), PACKS_TOGETHER):
                await writing.add(self._write(made[start : start + PACKS_TOGETHER]))

    async def keep_as(self, entity: Entity, rows: Sequence[WritebackRow]) -> None:
        """Write one pack of rows that have an order and, perhaps, an outcome already."""
        number = self._packs[entity]
        pack = packed(self._run, entity, number, [planned_of(row) for row in rows], [state_of(row) for row in rows])
        await self._write([pack])

    async def _leave_out_known(self) -> None:
        if not self._packs:
            return
        async for pack in packs(self._store, self._run):
            for record_id in pack.record_ids:
                self._rows.pop(record_id, None)

    async def _write(self, made: Sequence[WritebackPack]) -> None:
        self._packs.update(pack.entity for pack in made)
        if await self._store.writeback_packs.swap(made):
            raise TakenOver(f"somebody else writes rows of the write-back run {self._run.run_id}")
