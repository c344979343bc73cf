"""aiosfstream-ng's client with our tokens, our positions and an end that leaves nothing behind.

One client serves one session and is then thrown away: it cannot be opened twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import orjson
from aiocometd_ng.constants import MetaChannel, TransportState
from aiocometd_ng.transports.base import TransportBase
from aiosfstream_ng.auth import AuthenticatorBase
from aiosfstream_ng.client import Client, ReplayMarkerStoragePolicy
from aiosfstream_ng.replay import ReplayMarker, ReplayMarkerStorage

from workers.adapters.salesforce.cometd_inbox import Inbox
from workers.adapters.salesforce.cometd_watch import Watch
from workers.adapters.salesforce.names import CALL_OPTIONS, COMETD_PATH
from workers.adapters.salesforce.tokens import Access, Tokens
from workers.core.origin import CLIENT_NAME

NEW_EVENTS = -1  # Salesforce's replay option

GOODBYE_SECONDS = 2.0
"""Salesforce forgets a silent client after 40 s anyway; until then it counts against the org's limit of clients."""


class TokenExtension(AuthenticatorBase):
    """The library asks for a token when it opens, and again after every 401 and 403: by then the session is over."""

    def __init__(self, tokens: Tokens, watch: Watch) -> None:
        super().__init__()
        self._tokens = tokens
        self._watch = watch
        self.current: Access | None = None

    async def _authenticate(self) -> tuple[int, dict[str, str]]:
        if self._watch.failure is not None:
            raise self._watch.failure
        access = await self._tokens.access()
        self.current = access
        # The library copies every key onto itself: exactly the three that it reads.
        return 200, {"access_token": access.token, "token_type": "Bearer", "instance_url": access.instance_url}


class PositionExtension(ReplayMarkerStorage):
    """Puts the starting positions into the subscriptions, shows every exchange to the watch, and takes the events out
    before the library sees them: its queue holds up a reply at 100 and costs 54 us an event."""

    def __init__(self, positions: Mapping[str, str | None], watch: Watch, inbox: Inbox) -> None:
        super().__init__()
        self._positions = positions
        self._watch = watch
        self._inbox = inbox
        self.reply_bytes = 0

    async def outgoing(self, payload: list[dict[str, Any]], headers: dict[str, str]) -> None:
        for message in payload:
            self._watch.sent(message)
        await super().outgoing(payload, headers)

    async def incoming(self, payload: list[dict[str, Any]], headers: Mapping[str, str] | None = None) -> None:
        """While it waits, the library sends no poll."""
        if not self._watch.received(payload):
            return
        events = [message for message in payload if not str(message.get("channel")).startswith("/meta/")]
        payload[:] = [message for message in payload if str(message.get("channel")).startswith("/meta/")]
        await self._inbox.put(events, self.reply_bytes, _date_ms(headers))

    def loads(self, text: str) -> Any:
        self.reply_bytes = len(text)
        return orjson.loads(text)

    async def get_replay_marker(self, subscription: str) -> ReplayMarker:
        return ReplayMarker(date="", replay_id=_on_the_wire(self._positions.get(subscription)))  # type: ignore[arg-type] # opaque, not always a number

    async def set_replay_marker(self, subscription: str, replay_marker: ReplayMarker) -> None:
        """Nothing: a position moves only when Kafka has committed what lies before it."""


class CdcClient(Client):
    """Build inside a running event loop."""

    def __init__(self, tokens: Tokens, positions: Mapping[str, str | None], watch: Watch, inbox: Inbox) -> None:
        self._token = TokenExtension(tokens, watch)
        extension = PositionExtension(positions, watch, inbox)
        super().__init__(
            self._token,
            replay=extension,
            replay_storage_policy=ReplayMarkerStoragePolicy.MANUAL,
            json_loads=extension.loads,
        )

    @staticmethod
    def get_cometd_url(instance_url: str) -> str:
        return instance_url + COMETD_PATH

    @property
    def access(self) -> Access | None:
        return self._token.current

    async def shut(self) -> None:
        """End the session whatever state it is in. The library's own `close` does nothing after a failed `open` and
        logs an error after a successful one."""
        transport = self._transport
        try:
            if isinstance(transport, TransportBase):
                await _stop_polling(transport)
                if transport.client_id and self._http_session is not None:
                    await self._say_goodbye(self._http_session, transport.client_id)
        finally:  # also when the process has no time for a goodbye
            await self._close_http_session()

    async def _say_goodbye(self, session: aiohttp.ClientSession, client_id: str) -> None:
        headers: dict[str, str] = {}
        message = {"channel": MetaChannel.DISCONNECT, "clientId": client_id, "id": "0"}
        await self._token.outgoing([message], headers)
        limit = aiohttp.ClientTimeout(total=GOODBYE_SECONDS)
        try:
            async with session.post(self.url, json=[message], headers=headers, timeout=limit):
                pass
        except (aiohttp.ClientError, TimeoutError):
            pass  # most sessions end because nobody answers

    async def _get_http_session(self) -> aiohttp.ClientSession:
        """Cookies belong to this session alone; the jar keeps those of bare IP hosts too."""
        if self._http_session is None:
            self._http_session = aiohttp.ClientSession(
                headers={**CALL_OPTIONS, "User-Agent": CLIENT_NAME},
                cookie_jar=aiohttp.CookieJar(unsafe=True),
                json_serialize=self._json_dumps,
                trace_configs=[_refuse_redirects()],
                connector=aiohttp.TCPConnector(limit=4),
            )
        return self._http_session

    async def connection_lost(self) -> None:
        """Returns when the library would connect anew: what a lost reply carried would be missing."""
        assert isinstance(self._transport, TransportBase)
        await self._transport.wait_for_state(TransportState.CONNECTING)


async def _stop_polling(transport: TransportBase) -> None:
    """A poll that has just ended may already be about to start the next one."""
    stopped: object = None
    while (task := transport._connect_task) is not stopped and task is not None:
        stopped = task
        task.remove_done_callback(transport._connect_done)  # it would start the next poll
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0)


def _refuse_redirects() -> aiohttp.TraceConfig:
    async def refuse(*_: Any) -> None:
        raise aiohttp.ClientError("redirected: refused, since it could carry the token elsewhere")

    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(refuse)
    return trace


def _date_ms(headers: Mapping[str, str] | None) -> int | None:
    """The server's time, when it tells."""
    found = (headers or {}).get("Date")
    try:
        return round(parsedate_to_datetime(found).timestamp() * 1000) if found else None
    except ValueError:
        return None


def _on_the_wire(replay_id: str | None) -> int | str:
    """Opaque, but a JSON number wherever it looks like one."""
    if replay_id is None:
        return NEW_EVENTS
    return int(replay_id) if replay_id.lstrip("-").isdecimal() else replay_id
