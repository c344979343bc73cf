"""`POST /v1/teams/{team}/scores`: who may, how much, in which form; what is done with the rows is the intake's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict

from aiohttp import web
from prometheus_client import Counter, Histogram

from workers.adapters.scores_api.openapi import document
from workers.core.intake import BODY_BYTES, TooMany, Unreadable, rows_of_array, rows_of_lines
from workers.ports import Receipt, ScoresIntake, Unavailable

BODY_SECONDS = 30.0
"""For sending a body: whoever is slower keeps a place that others wait for."""

REQUESTS_AT_ONCE = 8
"""Bodies that are held in memory: about 25 MB each once they are read as JSON."""

SHOWN = 1000
"""Rejected rows that a reply tells one by one."""

RETRY_AFTER_SECONDS = 5

READERS: dict[str, Callable[[bytes], Sequence[object]]] = {
    "application/json": rows_of_array,
    "application/x-ndjson": rows_of_lines,
    "application/jsonl": rows_of_lines,
}

REPLIES = Counter("segment_sync_scores_api_replies_total", "Replies of the scores API", ["status"])
SECONDS = Histogram("segment_sync_scores_api_seconds", "Time from a request to its reply")


def application(intake: ScoresIntake) -> web.Application:
    routes = Routes(intake)
    app = web.Application(middlewares=[counted], client_max_size=BODY_BYTES)
    app.add_routes([web.post("/v1/teams/{team}/scores", routes.take), web.get("/openapi.json", routes.describe)])
    return app


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def counted(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Also turns what others raise into an answer that says what to do."""
    with SECONDS.time():
        try:
            reply = await handler(request)
        except web.HTTPRequestEntityTooLarge:
            reply = refusal(413, f"the body is larger than {BODY_BYTES:,} bytes: send the rows in several requests")
        except web.HTTPException as error:
            reply = refusal(error.status, error.reason)
        except Unavailable as error:
            reply = refusal(503, f"{error}: send the same rows again", {"Retry-After": str(RETRY_AFTER_SECONDS)})
    REPLIES.labels(str(reply.status)).inc()
    return reply


class Routes:
    def __init__(self, intake: ScoresIntake) -> None:
        self._intake = intake
        self._places = asyncio.Semaphore(REQUESTS_AT_ONCE)
        self._described = document()

    async def describe(self, _: web.Request) -> web.Response:
        return web.json_response(self._described)

    async def take(self, request: web.Request) -> web.Response:
        """The token first: nothing of a stranger's body is read."""
        team = request.match_info["team"]
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not await self._intake.admits(team, token.strip()):
            return refusal(401, "no valid token for this team", {"WWW-Authenticate": "Bearer"})
        reader = READERS.get(request.content_type)
        if reader is None:
            return refusal(415, f"send {' or '.join(list(READERS)[:2])}")
        async with self._places:
            try:
                rows = reader(await read(request))
            except Unreadable as error:
                return refusal(400, str(error))
            except TooMany as error:
                return refusal(413, str(error))
            except TimeoutError:
                return refusal(408, f"the body took longer than {BODY_SECONDS:.0f} s")
            return receipt(await self._intake.take(team, rows))


async def read(request: web.Request) -> bytes:
    async with asyncio.timeout(BODY_SECONDS):
        return await request.read()


def receipt(taken: Receipt) -> web.Response:
    """202 when anything was accepted or nothing was sent; 422 when every row was at fault."""
    body = {
        "accepted": taken.accepted,
        "rejected": len(taken.rejected),
        "errors": [asdict(each) for each in taken.rejected[:SHOWN]],
    }
    return web.json_response(body, status=202 if taken.accepted or not taken.rejected else 422)


def refusal(status: int, reason: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response({"error": reason}, status=status, headers=headers)
