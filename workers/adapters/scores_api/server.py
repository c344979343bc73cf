"""The scores API: its addresses, who may use them, and every answer that says that something cannot be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web
from prometheus_client import Counter, Histogram

from schemas.documents import Scope
from workers.adapters.scores_api.hand_in import HandIn
from workers.adapters.scores_api.openapi import document
from workers.adapters.scores_api.replies import RETRY_AFTER, refusal
from workers.adapters.scores_api.runs import Runs
from workers.core.intake import BODY_BYTES
from workers.ports import Admission, RunReports, ScoresIntake, Unavailable

REPLIES = Counter("segment_sync_scores_api_replies_total", "Replies of the scores API", ["status"])
SECONDS = Histogram("segment_sync_scores_api_seconds", "Time from a request to its reply")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application(admission: Admission, intake: ScoresIntake, reports: RunReports) -> web.Application:
    hand_in, runs, described = HandIn(intake), Runs(reports), document()

    async def describe(_: web.Request) -> web.Response:
        return web.json_response(described)

    writing, reading = scoped(admission, "scores:write"), scoped(admission, "writeback:read")
    app = web.Application(middlewares=[counted], client_max_size=BODY_BYTES)
    app.add_routes(
        [
            web.get("/openapi.json", describe),
            web.post("/v1/teams/{team}/scores", writing(hand_in.take)),
            web.get("/v1/teams/{team}/writeback/runs", reading(runs.all)),
            web.get("/v1/teams/{team}/writeback/runs/{run}", reading(runs.one)),
            web.get("/v1/teams/{team}/writeback/runs/{run}/rows", reading(runs.rows), allow_head=False),
        ]
    )
    return app


def scoped(admission: Admission, scope: Scope) -> Callable[[Handler], Handler]:
    """The token first: nothing of a stranger's request is read, and nothing told of what there is."""

    def admitted(handler: Handler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            kind, _, token = request.headers.get("Authorization", "").partition(" ")
            scopes = (
                await admission.scopes(request.match_info["team"], token.strip()) if kind.lower() == "bearer" else ()
            )
            if not scopes:
                return refusal(401, "no valid token for this team", {"WWW-Authenticate": "Bearer"})
            if scope not in scopes:
                told = {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'}  # RFC 6750, 3.1
                return refusal(403, f"the token has not the scope {scope}", told)
            return await handler(request)

        return handle

    return admitted


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
            again = "send the same rows again" if request.method == "POST" else "try again"
            reply = refusal(503, f"{error}: {again}", RETRY_AFTER)
    REPLIES.labels(str(reply.status)).inc()
    return reply
