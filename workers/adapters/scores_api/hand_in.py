"""`POST /v1/teams/{team}/scores`: how much, in which form; what is done with the rows is the intake's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict

from aiohttp import web

from workers.adapters.scores_api.replies import refusal
from workers.core.intake import TooMany, Unreadable, rows_of_array, rows_of_lines
from workers.ports import Receipt, ScoresIntake

BODY_SECONDS = 30.0
"""For sending a body: whoever is slower keeps a place that others wait for."""

REQUESTS_AT_ONCE = 8
"""Bodies that are held in memory: about 25 MB each once they are read as JSON."""

SHOWN = 1000
"""Rejected rows that a reply tells one by one."""

READERS: dict[str, Callable[[bytes], Sequence[object]]] = {
    "application/json": rows_of_array,
    "application/x-ndjson": rows_of_lines,
    "application/jsonl": rows_of_lines,
}


class HandIn:
    def __init__(self, intake: ScoresIntake) -> None:
        self._intake = intake
        self._places = asyncio.Semaphore(REQUESTS_AT_ONCE)

    async def take(self, request: web.Request) -> web.Response:
        reader = READERS.get(request.content_type)
        if reader is None:
            return refusal(415, f"send {' or '.join(list(READERS)[:2])}")
        async with self._places:
            try:
                rows = reader(await _read(request))
            except Unreadable as error:
                return refusal(400, str(error))
            except TooMany as error:
                return refusal(413, str(error))
            except TimeoutError:
                return refusal(408, f"the body took longer than {BODY_SECONDS:.0f} s")
            return _receipt(await self._intake.take(request.match_info["team"], rows))


async def _read(request: web.Request) -> bytes:
    async with asyncio.timeout(BODY_SECONDS):
        return await request.read()


def _receipt(taken: Receipt) -> web.Response:
    """202 when anything was accepted or nothing was sent; 422 when every row was at fault."""
    body = {
        "accepted": taken.accepted,
        "rejected": len(taken.rejected),
        "errors": [asdict(each) for each in taken.rejected[:SHOWN]],
    }
    return web.json_response(body, status=202 if taken.accepted or not taken.rejected else 422)
