"""Which entities of a team are kept in sync by queries, since their events cannot be had."""

from __future__ import annotations

import asyncio

import structlog

from schemas.events import Entity
from workers.capture.mirror.poller import Poller
from workers.capture.mirror.readings import Readings

log = structlog.get_logger()


class Pollers:
    """The pollers of one session. They outlive its connections and end with it."""

    def __init__(self, tasks: asyncio.TaskGroup, readings: Readings) -> None:
        self._tasks = tasks
        self._readings = readings
        self._running: dict[Entity, asyncio.Task[None]] = {}

    @property
    def entities(self) -> frozenset[Entity]:
        return frozenset(self._running)

    def keep(self, entities: frozenset[Entity]) -> None:
        """Poll these from now on, and no others."""
        if entities != self.entities:
            log.info("polling", team=self._readings.team, entities=sorted(entities))
        for entity in self.entities - entities:
            self._running.pop(entity).cancel()
        for entity in sorted(entities - self.entities):
            self._running[entity] = self._tasks.create_task(Poller(entity, self._readings).run())
