"""The CometD sessions of an org: what each client reads, how far it is, and the poll that waits for more.

No input or output here; ``cometd.py`` puts it on HTTP.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from sandbox.org import bayeux
from sandbox.org.config import OrgConfig
from sandbox.org.event_access import EventAccess
from sandbox.org.eventlog import REPLAY_NEW, EventLog, entity_channel
from sandbox.org.objects import Catalogue
from sandbox.org.retained import LoggedEvent
from sandbox.org.rolling import RollingCount

_CLIENT_ID_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(slots=True, eq=False)
class Session:
    """One CometD client: what it reads, how far it is, and the poll that waits for more."""

    client_id: str
    user_id: str
    seen_at: float
    api_version: float = 0.0
    positions: dict[str, int] = field(default_factory=dict)
    # Objects whose events the user may not see, per channel, as it was when the channel was subscribed to.
    withheld: dict[str, frozenset[str]] = field(default_factory=dict)
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

    def __init__(
        self,
        config: OrgConfig,
        events: EventLog,
        catalogue: Catalogue,
        rng: random.Random,
        clock: Callable[[], float],
        org_clock: Callable[[], float] = time.time,
        access: EventAccess | None = None,
    ) -> None:
        self._config = config
        self._events = events
        self._rng = rng
        self._clock = clock
        self._access = access
        self._entities = frozenset(catalogue.types)
        self._sessions: dict[str, Session] = {}
        self._swept_at = clock()
        self._waiting: defaultdict[str, set[Session]] = defaultdict(set)
        self._unselected = {entity_channel(name) for name in catalogue.types} - {
            entity_channel(name) for name in config.cdc_entities
        }
        #: Objects on which every user lacks View All: changes act on the next subscription only.
        self.forbidden: set[str] = set()
        #: While set, clients stay connected and get no events, as after a publish burst (Salesforce article 005321562).
        self.stalled = False
        #: Events handed to clients, per channel; every subscriber counts.
        self.delivered: Counter[str] = Counter()
        #: All of them, within the last 24 hours of the org: what the allocation counts.
        self.delivered_in_a_day = RollingCount(org_clock)

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

    @property
    def exhausted(self) -> bool:
        """The events that may be delivered in a day are."""
        limit = self._config.daily_delivered_events
        return limit is not None and self.delivered_in_a_day.total >= limit

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
        withheld = self._withheld_from(session.user_id)
        if channel in self._unselected or channel in map(entity_channel, withheld):
            raise SubscribeError(bayeux.NOT_PERMITTED)
        if not channel.startswith("/"):
            raise SubscribeError(bayeux.NO_LEADING_SLASH)
        if channel.startswith(("/meta/", "/service/")):
            raise SubscribeError(bayeux.RESTRICTED_CHANNEL)
        if not self._events.has_channel(channel):
            raise SubscribeError(bayeux.channel_unknown(channel))
        session.positions[channel] = self._start(channel, replay)
        session.withheld[channel] = withheld
        session.wake()

    def _withheld_from(self, user_id: str) -> frozenset[str]:
        of_user = self._access.withheld(user_id, self._entities) if self._access else frozenset[str]()
        return of_user | self.forbidden

    def _shown(self, session: Session, event: LoggedEvent) -> bytes:
        return self._access.shown(session.user_id, event.entity, event.data) if self._access else event.data

    def _start(self, channel: str, replay: dict[str, object] | None) -> int:
        if replay is not None and channel not in replay:
            raise SubscribeError(bayeux.replay_map_incomplete(channel, replay))
        asked = REPLAY_NEW if replay is None else replay[channel]
        position = self._events.start(channel, asked) if isinstance(asked, int) else None
        if position is None:
            raise SubscribeError(bayeux.replay_id_invalid(asked))
        return position

    def has_news(self, session: Session) -> bool:
        if self.stalled:
            return False
        for channel, entities in session.withheld.items():
            if entities:
                self._pass_over(session, channel, entities)
        return any(self._events.has_after(channel, position) for channel, position in session.positions.items())

    def _pass_over(self, session: Session, channel: str, entities: frozenset[str]) -> None:
        """Events that the user may not see neither end a poll nor are delivered."""
        position = session.positions.get(channel)
        while position is not None and (event := next(iter(self._events.after(channel, position, 1)), None)):
            if event.entity not in entities:
                break
            session.positions[channel] = position = event.replay_id

    def take(self, session: Session) -> list[bytes]:
        """The next messages of all its subscriptions in replay order, no more than one reply holds."""
        if self.stalled:
            return []
        limit = self._config.connect_reply_max_events
        ready: list[tuple[int, str, LoggedEvent]] = sorted(
            (event.replay_id, channel, event)
            for channel, position in session.positions.items()
            if self._events.has_after(channel, position)
            for event in self._events.after(channel, position, limit)
            if event.entity not in session.withheld.get(channel, ())
        )
        messages: list[bytes] = []
        size_bytes = 0
        for replay_id, channel, event in ready[:limit]:
            message = b'{"data":' + self._shown(session, event) + b',"channel":"' + channel.encode() + b'"}'
            size_bytes += len(message) + 1
            if messages and size_bytes > self._config.connect_reply_max_bytes:
                break
            messages.append(message)
            session.positions[channel] = replay_id
            self.delivered[channel] += 1
        self.delivered_in_a_day.add(len(messages))
        return messages

    def wait(self, session: Session) -> asyncio.Future[None]:
        """A future that ends when the session should look again; end it with ``stop_waiting``."""
        session.waiting = asyncio.get_running_loop().create_future()
        for channel in session.positions:
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
