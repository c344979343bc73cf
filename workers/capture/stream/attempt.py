"""One connection of a session: from subscribing until the stream breaks."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import cast

import structlog

from schemas.documents import Connection
from schemas.events import ENTITIES, Entity, Snapshot
from schemas.topics import PARKED
from workers.capture import metrics
from workers.capture.committer import Move, Submission
from workers.capture.context import Context
from workers.capture.mirror.readings import Readings
from workers.capture.stream.confirmations import Confirmations
from workers.capture.stream.digest import EVENTS, Digest, digest
from workers.capture.stream.vitals import Vitals
from workers.core.capture.arrivals import Arrivals
from workers.core.capture.positions import OVERLAP_MS
from workers.core.capture.session_machine import Refusal
from workers.core.capture.snapshots import owed_after_silence, resume_from
from workers.ports import Refused, StreamBatch, StreamEnded, StreamEvent

log = structlog.get_logger()

RESUME = "segment-sync connections connect"
"""What makes a session begin again that was given up."""


class Attempt:
    def __init__(self, connection: Connection, context: Context, readings: Readings, vitals: Vitals) -> None:
        self._connection = connection
        self._team = connection.team
        self._context = context
        self._committer = context.committer
        self._readings = readings
        self._vitals = vitals

    async def run(self, on_subscribed: Callable[[Mapping[Entity, Refusal]], None]) -> None:
        """Ends only with an exception."""
        await self._committer.settled(self._team)
        replay_ids = {entity: resume_from(self._committer.committed(self._team, entity)) for entity in ENTITIES}
        events = self._context.orgs.stream(self._connection).events(replay_ids)
        # The port promises an iterator; the adapters are generators, which must be closed to leave the org's session.
        async with aclosing(cast("AsyncGenerator[StreamBatch, None]", events)) as batches:
            first = await anext(batches)
            log.info("subscribed", team=self._team, replay_ids=replay_ids, refused=sorted(first.refused))
            on_subscribed(first.refused)
            await self._begin_readings()
            channels = [entity for entity in ENTITIES if entity not in first.refused]
            confirmations = Confirmations(self._team, self._committer, channels)
            arrivals = Arrivals()
            async for batch in batches:
                self._vitals.arrived += len(batch.events)
                await confirmations.after(batch, await self._capture_all(arrivals.news(batch.events)))
        raise StreamEnded("the stream of changes ended", "network")

    async def _capture_all(self, events: Sequence[StreamEvent]) -> dict[Entity, int]:
        """Commit time of the last event of each channel that delivered any."""
        commits_ms: dict[Entity, int] = {}
        self._vitals.handling = Counter(event.entity for event in events)
        for start in range(0, len(events), EVENTS):
            some = events[start : start + EVENTS]
            commits_ms |= await self._capture(some)
            self._vitals.handling -= Counter(event.entity for event in some)
            await asyncio.sleep(0)  # thousands may have come at once: the other teams' turn
        return commits_ms

    async def _begin_readings(self) -> None:
        """Only once subscribed: whatever changes after a query was created comes through the stream."""
        now_ms = self._context.clock.now_ms()
        moves = []
        for entity in ENTITIES:
            owed = owed_after_silence(self._committer.position(self._team, entity), now_ms)
            if isinstance(owed, Snapshot):
                moves.append(Move(entity, snapshot=owed))
            elif owed is not None:
                moves.append(Move(entity, due_since_ms=owed))
        if moves:
            await self._committer.commit(Submission(self._team, moves=tuple(moves)))
        self._readings.begin()

    async def _capture(self, events: Sequence[StreamEvent]) -> dict[Entity, int]:
        read = digest(self._team, events)
        for entity in read.rereads:
            await self._read_again(entity, read)
        moves = tuple(read.moves.values())
        await self._committer.submit(Submission(self._team, tuple(read.changes), moves, tuple(read.parked)))
        if read.owed:
            await self._readings.begin_when_committed(read.owed)
        self._tell_parked(read)
        self._vitals.poison.note(read.malformed)
        if (why := self._vitals.poison.exceeded()) is not None:
            raise StreamEnded(f"{why}: see the topic {PARKED.name}, then {RESUME} {self._team}", "poisoned")
        commits_ms = {move.entity: move.commit_time_ms for move in moves if move.commit_time_ms is not None}
        received_ms = events[-1].received_at_ms
        for entity, commit_ms in commits_ms.items():
            # The org's clock may run ahead of ours.
            self._vitals.lag_ms[entity] = lag_ms = max(0, received_ms - commit_ms)
            metrics.LAG_SECONDS.observe(lag_ms / 1000)
        return commits_ms

    def _tell_parked(self, read: Digest) -> None:
        for entity, why in read.first_malformed.items():
            number = read.parked_of[entity]
            self._vitals.parked[entity] += number
            log.warning(
                "events parked",
                team=self._team,
                entity=entity,
                number=number,
                first_replay_id=why.replay_id,
                reason=why.detail,
            )

    async def _read_again(self, entity: Entity, read: Digest) -> None:
        """Before the position may move past the events that ask for it; or with a reading that is owed from then on."""
        versions = read.rereads[entity]
        try:
            found = await self._readings.rereader.read(entity, versions, at_least=versions)
        except Refused as error:
            self._readings.was_refused(entity, str(error))
            read.owe_since(entity, min(version.commit_time_ms for version in versions.values()) - OVERLAP_MS)
        else:
            read.changes += found.changes
            read.parked += found.parked
