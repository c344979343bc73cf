"""What the org says that a list holds."""

from __future__ import annotations

from collections.abc import AsyncIterator

from workers.capture.mirror.queries import query_ids
from workers.capture.pace import Pace
from workers.core.capture.snapshots import REST_QUERY_CHARACTERS
from workers.core.lists.queries import ListQuery
from workers.ports import SalesforceOrg


async def list_ids(org: SalesforceOrg, query: ListQuery, pace: Pace) -> AsyncIterator[str]:
    """Of every record that the list holds, in any order: by one REST query where they are few, else by a Bulk job.

    Raises Unavailable, Refused and QueryFailed.
    """
    if len(query.ids) <= REST_QUERY_CHARACTERS and pace.rest_records > 0:
        rows = await org.query(f"{query.ids} LIMIT {pace.rest_records}")
        if len(rows) < pace.rest_records:
            for row in rows:
                yield str(row["Id"])
            return
    async for record_id in query_ids(org, query.ids, pace):
        yield record_id
