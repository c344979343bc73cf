"""The transport seam: an org's change events as its users may read them, whatever carries them there.

CometD (``streaming``) is one front. The gRPC Pub/Sub API would be another: its Subscribe is ``open``, ``seek``
and ``pending`` up to ``num_requested``, its keepalive ``EventSource.tip``, its replay id the eight bytes of the number,
and its Avro payload and bitmaps are made from ``shown``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from sandbox.org.events.access import EventAccess
from sandbox.org.events.log import entity_channel
from sandbox.org.events.retained import LoggedEvent
from sandbox.org.limits.rolling import RollingCount

# Events that a user may not see are passed over in steps of this size.
_LOOKED_AT = 100


class EventSource(Protocol):
    """What is retained, per channel, in the order of replay ids; ``EventLog`` is it."""

    @property
    def tip(self) -> int:
        """The newest replay id of all channels."""
        ...

    def has_channel(self, channel: str) -> bool: ...

    def start(self, channel: str, replay_from: int) -> int | None:
        """The position at which a subscription starts: -1 the tip, -2 all, else after an id; None: it is not valid."""
        ...

    def after(self, channel: str, position: int, limit: int) -> list[LoggedEvent]: ...

    def has_after(self, channel: str, position: int) -> bool: ...


class RefusedError(Exception):
    """A subscription that the org refuses; each transport has its own words for the reason."""

    def __init__(self, reason: Literal["not permitted", "no such channel"]) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(slots=True)
class Subscription:
    """How far a user has read a channel."""

    channel: str
    user_id: str
    position: int
    # Objects whose events the user may not see, as it was when the channel was subscribed to.
    withheld: frozenset[str]


class EventBus:
    """Subscriptions, permissions and the daily allocation of one org, shared by all its transports."""

    def __init__(
        self,
        events: EventSource,
        entities: Collection[str],
        selected: Collection[str],
        org_clock: Callable[[], float],
        *,
        daily_limit: int | None = None,
        access: EventAccess | None = None,
    ) -> None:
        self._events = events
        self._entities = frozenset(entities)
        self._unselected = {entity_channel(name) for name in entities} - {entity_channel(name) for name in selected}
        self._access = access
        self._daily_limit = daily_limit
        #: Objects on which every user lacks View All: changes act on the next subscription only.
        self.forbidden: set[str] = set()
        #: While set, clients stay connected and get no events, as after a publish burst (Salesforce article 005321562).
        self.stalled = False
        #: Events handed to clients, per channel; every subscriber counts.
        self.delivered: Counter[str] = Counter()
        #: All of them, within the last 24 hours of the org: what the allocation counts.
        self.delivered_in_a_day = RollingCount(org_clock)

    @property
    def exhausted(self) -> bool:
        """The events that may be delivered in a day are."""
        return self._daily_limit is not None and self.delivered_in_a_day.total >= self._daily_limit

    def open(self, user_id: str, channel: str) -> Subscription:
        """Read a channel from now on. RefusedError for a channel that the user may not read, or that is none."""
        withheld = self._withheld_from(user_id)
        if channel in self._unselected or channel in map(entity_channel, withheld):
            raise RefusedError("not permitted")
        if not self._events.has_channel(channel):
            raise RefusedError("no such channel")
        return Subscription(channel, user_id, self._events.tip, withheld)

    def seek(self, subscription: Subscription, replay_from: int) -> bool:
        """Start elsewhere; False when the replay id is not valid any more, or never was."""
        position = self._events.start(subscription.channel, replay_from)
        if position is None:
            return False
        subscription.position = position
        return True

    def has_news(self, subscription: Subscription) -> bool:
        """Whether there is something that the user may see; what is not is passed over."""
        if self.stalled:
            return False
        if subscription.withheld:
            self._pass_over(subscription)
        return self._events.has_after(subscription.channel, subscription.position)

    def _pass_over(self, subscription: Subscription) -> None:
        while events := self._events.after(subscription.channel, subscription.position, _LOOKED_AT):
            for event in events:
                if event.entity not in subscription.withheld:
                    return
                subscription.position = event.replay_id

    def pending(self, subscription: Subscription, limit: int) -> Iterator[LoggedEvent]:
        """The next events that the user may see, oldest first; ``delivered_up_to`` moves the subscription on."""
        if self.stalled or not self._events.has_after(subscription.channel, subscription.position):
            return iter(())
        events = self._events.after(subscription.channel, subscription.position, limit)
        return (event for event in events if event.entity not in subscription.withheld)

    def shown(self, subscription: Subscription, event: LoggedEvent) -> bytes:
        """The event's JSON (schema, payload, replay id) without the fields that the user may not see."""
        return self._access.shown(subscription.user_id, event.entity, event.data) if self._access else event.data

    def delivered_up_to(self, subscription: Subscription, event: LoggedEvent) -> None:
        """This event was handed to the client."""
        subscription.position = event.replay_id
        self.delivered[subscription.channel] += 1
        self.delivered_in_a_day.add()

    def reset_delivered(self) -> None:
        """A new day for the allocation."""
        self.delivered.clear()
        self.delivered_in_a_day.clear()

    def _withheld_from(self, user_id: str) -> frozenset[str]:
        of_user = self._access.withheld(user_id, self._entities) if self._access else frozenset[str]()
        return of_user | self.forbidden
