"""Which entities of a team are kept in sync by queries, since their events cannot be had."""

from __future__ import annotations

import asyncio

import structlog

from schemas.documents import Connection
from schemas.events import Entity
from workers.capture.context import Context

log = structlog.get_logger()


class Pollers:
    """The pollers of one session. They outlive its connections and end with it."""

    def __init__(self, tasks: asyncio.TaskGroup, context: Context) -> None:
        self._tasks = tasks
        self._context = context
        self._running: dict[Entity, asyncio.Task[None]] = {}

    @property
    def entities(self) -> frozenset[Entity]:
        return frozenset(self._running)

    def keep(self, connection: Connection, entities: frozenset[Entity]) -> None:
        """Poll these from now on, and no others."""
