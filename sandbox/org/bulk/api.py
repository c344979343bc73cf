"""Bulk API 2.0 of one org: its jobs and what they may use in a day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web

from sandbox.org.bulk.ingest import BulkIngest
from sandbox.org.bulk.jobs import JobTable
from sandbox.org.bulk.query import BulkQuery
from sandbox.org.limits.allocations import Allocation
from sandbox.org.limits.rolling import RollingCount
from sandbox.org.store.org import Org

_MEGABYTE = 2**20


@dataclass(slots=True)
class Bulk:
    """Serves `/jobs`; to be closed with the org's server."""

    org: Org
    jobs: JobTable = field(init=False)
    batches: Allocation = field(init=False)
    query_jobs: Allocation = field(init=False)
    # In bytes, which /limits shows as megabytes.
    query_storage: Allocation = field(init=False)

    def __post_init__(self) -> None:
        config = self.org.config
        self.jobs = JobTable(self.org)
        self.batches = self._allocation(config.daily_bulk_batches)
        self.query_jobs = self._allocation(config.daily_bulk_query_jobs)
        self.query_storage = self._allocation(config.daily_bulk_query_megabytes * _MEGABYTE)

    def _allocation(self, maximum: int) -> Allocation:
        return Allocation(maximum, RollingCount(self.org.clock))

    def routes(self) -> list[web.RouteDef]:
        ingest = BulkIngest(self.org, self.jobs, self.batches)
        query = BulkQuery(self.org, self.jobs, self.query_jobs, self.query_storage)
        return [*ingest.routes(), *query.routes()]

    @property
    def used(self) -> Mapping[str, int]:
        """How much was used of the allocations that /limits shows."""
        return {
            "DailyBulkApiBatches": self.batches.used,
            "DailyBulkV2QueryJobs": self.query_jobs.used,
            # A megabyte that was begun counts.
            "DailyBulkV2QueryFileStorageMB": -(-self.query_storage.used // _MEGABYTE),
        }

    async def close(self) -> None:
        """End the work on all jobs."""
        await self.jobs.close()
