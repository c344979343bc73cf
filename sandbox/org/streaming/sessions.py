"""The CometD sessions of an org: what each client reads, how far it is, and the poll that waits for more.

No input or output here; ``cometd.py`` puts it on HTTP.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from sandbox.org.config import OrgConfig
from sandbox.org.events.bus import EventBus, RefusedError, Subscription
from sandbox.org.events.log import REPLAY_NEW
from sandbox.org.events.retained import LoggedEvent
from sandbox.org.streaming import bayeux

_CLIENT_ID_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(slots=True, eq=False)
class Session:
    """One CometD client: what it reads, how far it is, and the poll that waits for more."""

    client_id: str
    user_id: str
    seen_at: float
    api_version: float = 0.0
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    connected: bool = False
    polls: int = 0
    waiting: asyncio.Future[None] | None = None

    def wake(self) -> None:
        """Let an open poll look again."""
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_result(None)


class SubscribeError(Exception):
    """A subscription that the org refuses; the text is the Bayeux ``error``."""


class SessionTable:
    """The CometD sessions of one org."""

    def __init__(self, config: OrgConfig, bus: EventBus, rng: random.Random, clock: Callable[[], float]) -> None:
        self._config = config
        self._rng = rng
        self._clock = clock
        self._sessions: dict[str, Session] = {}
        self._swept_at = clock()
        self._waiting: defaultdict[str, set[Session]] = defaultdict(set)
        self.bus = bus

    def __len__(self) -> int:
        return len(self._sessions)

    def __iter__(self) -> Iterator[Session]:
        return iter([*self._sessions.values()])

    def open(self, user_id: str, api_version: float = 0.0) -> Session:
        """A new session; expired ones are dropped on the way."""
        self._sweep()
        client_id = "".join(self._rng.choices(_CLIENT_ID_LETTERS, k=26))
        session = self._sessions[client_id] = Session(client_id, user_id, self._clock(), api_version)
        return session

    def _sweep(self) -> None:
        """Now and then: thousands of clients that shake hands at once must not look at each other's sessions."""
        if self._clock() - self._swept_at < self._config.reconnect_window_seconds / 4:
            return
        self._swept_at = self._clock()
        for session in [one for one in self._sessions.values() if self._expired(one)]:
            self.close(session)

    @property
    def full(self) -> bool:
        """No further client may connect."""
        limit = self._config.concurrent_cometd_clients
        return limit is not None and sum(not self._expired(one) for one in self._sessions.values()) >= limit

    def find(self, client_id: object) -> Session | None:
        """The live session of that client id."""
        session = self._sessions.get(client_id) if isinstance(client_id, str) else None
        if session is not None and self._expired(session):
            self.close(session)
            return None
        return session

    def close(self, session: Session) -> None:
        self._sessions.pop(session.client_id, None)
        session.wake()

    def forget_all(self) -> int:
        """Drop every session, as a restarted server does; open polls learn it at once."""
        sessions = list(self._sessions.values())
        for session in sessions:
            self.close(session)
        return len(sessions)

    def wake_all(self) -> None:
        for session in self._sessions.values():
            session.wake()

    def touch(self, session: Session) -> None:
        """The reconnect window starts now."""
        session.seen_at = self._clock()

    def _expired(self, session: Session) -> bool:
        idle_seconds = self._clock() - session.seen_at
        return session.waiting is None and idle_seconds > self._config.reconnect_window_seconds

    def subscribe(self, session: Session, channel: str, replay: dict[str, object] | None) -> None:
        """Start reading a channel; SubscribeError with Salesforce's words when it is refused."""
        if not channel.startswith("/"):
            raise SubscribeError(bayeux.NO_LEADING_SLASH)
        if channel.startswith(("/meta/", "/service/")):
            raise SubscribeError(bayeux.RESTRICTED_CHANNEL)
        try:
            subscription = self.bus.open(session.user_id, channel)
        except RefusedError as refused:
            not_permitted = refused.reason == "not permitted"
            raise SubscribeError(bayeux.NOT_PERMITTED if not_permitted else bayeux.channel_unknown(channel)) from None
        if replay is not None and channel not in replay:
            raise SubscribeError(bayeux.replay_map_incomplete(channel, replay))
        asked = REPLAY_NEW if replay is None else replay[channel]
        if not isinstance(asked, int) or not self.bus.seek(subscription, asked):
            raise SubscribeError(bayeux.replay_id_invalid(asked))
        session.subscriptions[channel] = subscription
        session.wake()

    def has_news(self, session: Session) -> bool:
        return any(self.bus.has_news(one) for one in session.subscriptions.values())

    def take(self, session: Session) -> list[bytes]:
        """The next messages of all its subscriptions in replay order, no more than one reply holds."""
        limit = self._config.connect_reply_max_events
        ready: list[tuple[int, str, LoggedEvent]] = sorted(
            (event.replay_id, channel, event)
            for channel, subscription in session.subscriptions.items()
            for event in self.bus.pending(subscription, limit)
        )
        messages: list[bytes] = []
        size_bytes = 0
        for _, channel, event in ready[:limit]:
            subscription = session.subscriptions[channel]
            data = self.bus.shown(subscription, event)
            message = b'{"data":' + data + b',"channel":"' + channel.encode() + b'"}'
            size_bytes += len(message) + 1
            if messages and size_bytes > self._config.connect_reply_max_bytes:
                break
            messages.append(message)
            self.bus.delivered_up_to(subscription, event)
        return messages

    def wait(self, session: Session) -> asyncio.Future[None]:
        """A future that ends when the session should look again; end it with ``stop_waiting``."""
        session.waiting = asyncio.get_running_loop().create_future()
        for channel in session.subscriptions:
            self._waiting[channel].add(session)
        return session.waiting

    def stop_waiting(self, session: Session, waiting: asyncio.Future[None]) -> None:
        # A newer poll of the same client may have taken over: its registration stays.
        if session.waiting is waiting:
            session.waiting = None
            for sessions in self._waiting.values():
                sessions.discard(session)
            self.touch(session)

    def notify(self, channels: Iterable[str]) -> None:
        """New events on these channels: wake the polls that wait for them."""
        for channel in channels:
            for session in self._waiting[channel]:
                session.wake()
