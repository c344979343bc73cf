"""``GET /limits``: the allocations that integrations watch, with a Developer Edition's numbers."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from sandbox.org.bulk.api import Bulk
from sandbox.org.http.paths import DATA
from sandbox.org.http.wire import USER_ID, json_response
from sandbox.org.limits.stats import Stats
from sandbox.org.store.org import Org
from sandbox.org.streaming.sessions import SessionTable

_MAXIMA = {
    "DailyAsyncApexExecutions": 250_000,
    "DailyDeliveredPlatformEvents": 10_000,
    "DailyDurableGenericStreamingApiEvents": 10_000,
    "DailyDurableStreamingApiEvents": 10_000,
    "DailyGenericStreamingApiEvents": 10_000,
    "DailyStandardVolumePlatformEvents": 10_000,
    "DailyStreamingApiEvents": 10_000,
    "DataStorageMB": 5,
    "DurableStreamingApiConcurrentClients": 20,
    "FileStorageMB": 20,
    "HourlyPublishedPlatformEvents": 50_000,
    "HourlyPublishedStandardVolumePlatformEvents": 1_000,
    "SingleEmail": 15,
    "StreamingApiConcurrentClients": 20,
}


def routes(org: Org, stats: Stats, sessions: SessionTable, bulk: Bulk) -> list[web.RouteDef]:
    async def limits(_request: web.Request) -> web.Response:
        return json_response(current_limits(org, stats, sessions, bulk))

    async def record_count(request: web.Request) -> web.Response:
        asked = request.query.get("sObjects")
        names = org.objects() if asked is None else asked.split(",")
        view = org.view(request[USER_ID])
        types = filter(None, (view.find_object(name.strip()) for name in names))
        return json_response({"sObjects": [{"count": org.count(one.name), "name": one.name} for one in types]})

    return [web.get(f"{DATA}/limits", limits), web.get(f"{DATA}/limits/recordCount", record_count)]


def current_limits(org: Org, stats: Stats, sessions: SessionTable, bulk: Bulk) -> Mapping[str, object]:
    """Key -> Max and Remaining, alphabetical. Going over an allocation is not enforced: Remaining stops at 0."""
    maxima = _MAXIMA | {"DailyApiRequests": org.config.daily_api_requests} | _bulk_maxima(org)
    maxima["DailyDeliveredPlatformEvents"] = org.config.daily_delivered_events or maxima["DailyDeliveredPlatformEvents"]
    used = {
        "DailyApiRequests": stats.api_requests,
        "DailyDeliveredPlatformEvents": sessions.bus.delivered_in_a_day.total,
        "DurableStreamingApiConcurrentClients": len(sessions),
        **bulk.used,
    }
    return {key: _limit(maximum, used.get(key, 0)) for key, maximum in sorted(maxima.items())}


def _bulk_maxima(org: Org) -> dict[str, int]:
    return {
        "DailyBulkApiBatches": org.config.daily_bulk_batches,
        "DailyBulkV2QueryFileStorageMB": org.config.daily_bulk_query_megabytes,
        "DailyBulkV2QueryJobs": org.config.daily_bulk_query_jobs,
    }


def _limit(maximum: int, used: int) -> dict[str, int]:
    return {"Max": maximum, "Remaining": max(maximum - used, 0)}
