"""CometD over HTTP: one POST carries a batch of Bayeux messages, and a connect stays open until there is news."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import cast

import orjson
from aiohttp import web

from sandbox.org.config import OrgConfig
from sandbox.org.faults.bayeux_errors import error_of
from sandbox.org.faults.plan import FaultPlan
from sandbox.org.streaming import bayeux
from sandbox.org.streaming.bayeux import Message
from sandbox.org.streaming.faults import disturbed
from sandbox.org.streaming.sessions import Session, SessionTable, SubscribeError

# Salesforce: larger requests get "413 Maximum Request Size Exceeded".
_MAX_REQUEST_BYTES = 32_768
_OLDEST_VERSION = 37.0

#: The user id behind an Authorization header, or None.
TokenCheck = Callable[[str | None], str | None]

#: The HTTP status that a planted error asks for.
_STATUS = web.RequestKey("bayeux_status", int)
# How the Client Connects: the server ends sessions by itself from this version on.
_SERVER_DISCONNECT_VERSION = 64.0
_SESSION_COOKIE = "BAYEUX_BROWSER"


class CometD:
    """The handlers of ``/cometd/<version>``."""

    def __init__(
        self,
        config: OrgConfig,
        sessions: SessionTable,
        faults: FaultPlan,
        check_token: TokenCheck,
        is_down: Callable[[], bool],
    ) -> None:
        self._config = config
        self._sessions = sessions
        self._faults = faults
        self._check_token = check_token
        self._is_down = is_down

    def routes(self) -> list[web.RouteDef]:
        """The Java client appends the message type to the path: it changes nothing."""
        kinds = "handshake|connect|subscribe|unsubscribe|disconnect"
        return [
            web.post("/cometd", self.without_version),
            web.post("/cometd/{version:[^/]+}", self.post),
            web.post(f"/cometd/{{version:[^/]+}}/{{kind:{kinds}}}", self.post),
        ]

    async def without_version(self, _request: web.Request) -> web.Response:
        newest = self._config.newest_api_version
        error = f"400::API version in the URI is mandatory. URI format: '/cometd/{newest}'"
        return _respond([orjson.dumps({"channel": "/meta/handshake", "error": error, "successful": False})], status=400)

    async def post(self, request: web.Request) -> web.Response:
        """Answer a batch. A connect that comes with other messages does not wait, as in every CometD server."""
        body = await request.read()
        if len(body) > _MAX_REQUEST_BYTES:
            return web.Response(status=413, text="Maximum Request Size Exceeded")
        messages = _parse(body)
        if messages is None:
            return web.Response(status=400, text="400::Malformed Bayeux message")
        user_id = self._check_token(request.headers.get("Authorization"))
        connects = [message for message in messages if message.get("channel") == "/meta/connect"]
        others = [message for message in messages if message.get("channel") != "/meta/connect"]
        replies = [orjson.dumps(self._answer(message, request, user_id)) for message in others]
        for message in connects:
            replies += await self._connect(message, request, user_id, may_wait=len(messages) == 1)
        return _with_cookies(_respond(replies, request.get(_STATUS, 200)), request)

    def _answer(self, message: Message, request: web.Request, user_id: str | None) -> Message:
        if message.get("channel") == "/meta/handshake":
            return self._planted(message, request) or self._handshake(message, request, user_id)
        session, problem = self._admitted(message, request, user_id)
        if session is None:
            return problem
        return self._command(message, session)

    def _planted(self, message: Message, request: web.Request, session: Session | None = None) -> Message:
        """The error that a fault has for this message; empty when there is none."""
        if self._faults.idle:
            return {}
        channel = str(message.get("channel"))
        fault = self._faults.take("bayeux-error", channel=channel, subscription=str(message.get("subscription", "")))
        if fault is None:
            return {}
        status = fault.settings.get("status")
        if isinstance(status, int):
            request[_STATUS] = status
        if session is not None and error_of(fault).ends_session:
            self._sessions.close(session)
        return bayeux.planted(message, fault)

    def _handshake(self, message: Message, request: web.Request, user_id: str | None) -> Message:
        version = request.match_info["version"]
        if not _version_supported(version, self._config.newest_api_version):
            newest = self._config.newest_api_version
            return bayeux.refused(
                message,
                f"400::Unsupported API version. Only API versions '{_OLDEST_VERSION}' and later are supported."
                f" URI format: '/cometd/{newest}'",
            )
        if user_id is None:
            has_token = "Authorization" in request.headers
            return bayeux.handshake_denied(message, bayeux.AUTHENTICATION_INVALID if has_token else bayeux.NO_TOKEN)
        if self._sessions.full:
            return bayeux.handshake_denied(message, bayeux.CONCURRENT_LIMIT, self._config.limit_advice)
        return bayeux.handshake_reply(message, self._sessions.open(user_id, float(version)).client_id)

    def _admitted(self, message: Message, request: web.Request, user_id: str | None) -> tuple[Session | None, Message]:
        """The session of a message, or why the org does not listen to it."""
        session = self._sessions.find(message.get("clientId"))
        if planted := self._planted(message, request, session):
            return None, planted
        if user_id is None:
            return None, bayeux.authentication_invalid(message)
        if session is None:
            return None, _without_session(message)
        if session.user_id != user_id:
            return None, bayeux.refused(message, bayeux.WRONG_USER)
        if self._config.cookies_required and _SESSION_COOKIE not in request.cookies:
            return None, bayeux.cookie_missing(message, session.client_id, _SESSION_COOKIE)
        if self._over_limit(message):
            return None, bayeux.limit_exceeded(message, bayeux.DAILY_LIMIT, self._config.limit_advice)
        return session, {}

    def _over_limit(self, message: Message) -> bool:
        kind = str(message.get("channel")).removeprefix("/meta/")
        return kind in self._config.delivery_limit_at and self._sessions.bus.exhausted

    def _command(self, message: Message, session: Session) -> Message:
        match message.get("channel"):
            case "/meta/subscribe":
                return self._subscribe(message, session)
            case "/meta/unsubscribe":
                for channel in _channels(message):
                    session.subscriptions.pop(channel, None)
            case "/meta/disconnect":
                self._sessions.close(session)
            case _:
                return bayeux.refused(message, bayeux.RESTRICTED_CHANNEL)
        return bayeux.done(message, session.client_id)

    def _subscribe(self, message: Message, session: Session) -> Message:
        channels = _channels(message)
        if not channels:
            return bayeux.refused(message, bayeux.NO_CHANNEL)
        replay = _replay_map(message)
        try:
            for channel in channels:
                self._check_replay(session, channel, replay)
                self._sessions.subscribe(session, channel, replay)
        except SubscribeError as refusal:
            return bayeux.refused(message, str(refusal))
        return bayeux.done(message, session.client_id)

    def _check_replay(self, session: Session, channel: str, replay: dict[str, object] | None) -> None:
        """As if what a client has stored were older than the retention."""
        asked = (replay or {}).get(channel)
        if self._faults.idle or not isinstance(asked, int) or asked < 0:
            return
        if self._faults.take("expired-replay-id", client=session.client_id, channel=channel) is not None:
            raise SubscribeError(bayeux.replay_id_invalid(asked))

    async def _connect(
        self, message: Message, request: web.Request, user_id: str | None, *, may_wait: bool
    ) -> list[bytes]:
        session, problem = self._admitted(message, request, user_id)
        if session is None:
            return [orjson.dumps(problem)]
        session.polls += 1
        session.wake()  # An older poll of this client is answered: its connection is most likely dead.
        self._sessions.touch(session)
        if not session.connected:
            session.connected = True
            return self._connected(message, session, self._first_advice())
        if may_wait:
            problems = await self._wait(message, request, session, self._timeout_seconds(message))
            if problems:
                return [orjson.dumps(problem) for problem in problems]
        return self._connected(message, session, None)

    async def _wait(
        self, message: Message, request: web.Request, session: Session, timeout_seconds: float
    ) -> list[Message]:
        """Until there is something to send, the poll's end, or a reason why the client may not have it: that reply."""
        poll = session.polls
        deadline = asyncio.get_running_loop().time() + timeout_seconds
        while session.polls == poll:
            if self._is_down():
                raise web.HTTPServiceUnavailable
            if problems := self._interrupted(message, request, session):
                return problems
            if self._sessions.has_news(session) or not await self._woken(session, deadline):
                break
        return []

    def _interrupted(self, message: Message, request: web.Request, session: Session) -> list[Message]:
        """What ends an open poll before there are events."""
        if self._sessions.find(session.client_id) is not session:
            return [bayeux.unknown_client(message)]
        if self._check_token(request.headers.get("Authorization")) is None:
            return [bayeux.authentication_invalid(message)]
        if self._over_limit(message):
            return [bayeux.limit_exceeded(message, bayeux.DAILY_LIMIT, self._config.limit_advice)]
        if planted := self._planted(message, request, session):
            return [planted]
        return self._ended_by_server(message, session)

    def _ended_by_server(self, message: Message, session: Session) -> list[Message]:
        if self._faults.idle or self._faults.take("server-disconnect", client=session.client_id) is None:
            return []
        self._sessions.close(session)
        unknown = bayeux.unknown_client(message)
        told = session.api_version >= _SERVER_DISCONNECT_VERSION
        return [bayeux.server_disconnect(session.client_id), unknown] if told else [unknown]

    async def _woken(self, session: Session, deadline: float) -> bool:
        waiting = self._sessions.wait(session)
        try:
            async with asyncio.timeout_at(deadline):
                await waiting
        except TimeoutError:
            return False
        finally:
            self._sessions.stop_waiting(session, waiting)
        return True

    def _connected(self, message: Message, session: Session, advice: dict[str, object] | None) -> list[bytes]:
        self._sessions.touch(session)
        events = disturbed(self._sessions.take(session), session, self._faults)
        return [*events, orjson.dumps(bayeux.connect_reply(message, session.client_id, advice))]

    def _first_advice(self) -> dict[str, object]:
        return {"interval": 0, "timeout": int(self._config.connect_timeout_seconds * 1000), "reconnect": "retry"}

    def _timeout_seconds(self, message: Message) -> float:
        advice = message.get("advice")
        asked_ms = advice.get("timeout") if isinstance(advice, dict) else None
        longest_seconds = self._config.connect_timeout_seconds
        return min(asked_ms / 1000, longest_seconds) if isinstance(asked_ms, int | float) else longest_seconds


def _parse(body: bytes) -> list[Message] | None:
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    messages = parsed if isinstance(parsed, list) else [parsed]
    return cast("list[Message]", messages) if all(isinstance(one, dict) for one in messages) else None


def _channels(message: Message) -> list[str]:
    named = message.get("subscription")
    return [str(one) for one in named] if isinstance(named, list) else [named] if isinstance(named, str) else []


def _without_session(message: Message) -> Message:
    if "clientId" not in message and message.get("channel") == "/meta/subscribe":
        return bayeux.refused(message, bayeux.NO_HANDSHAKE)
    return bayeux.unknown_client(message)


def _replay_map(message: Message) -> dict[str, object] | None:
    ext = message.get("ext")
    replay = ext.get("replay") if isinstance(ext, dict) else None
    return replay if isinstance(replay, dict) else None


def _version_supported(version: str, newest: str) -> bool:
    try:
        return _OLDEST_VERSION <= float(version) <= float(newest)
    except ValueError:
        return False


def _respond(messages: list[bytes], status: int = 200) -> web.Response:
    body = b"[" + b",".join(messages) + b"]"
    return web.Response(body=body, status=status, headers={"Content-Type": "application/json;charset=UTF-8"})


def _with_cookies(response: web.Response, request: web.Request) -> web.Response:
    """Set when the client brings none; sessions are found by client id, so cookies need not be required."""
    if _SESSION_COOKIE not in request.cookies:
        response.set_cookie(_SESSION_COOKIE, secrets.token_hex(12), path="/", httponly=True)
        response.set_cookie("sfdc-stream", f"!{secrets.token_urlsafe(48)}", path="/", samesite="None")
    return response
