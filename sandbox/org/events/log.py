"""The event bus of an org: retained events per channel, in replay-id order."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence

from sandbox.org.events.change_events import ChangeEvent
from sandbox.org.events.retained import LoggedEvent, NewestInMemory, Retained

ALL_CHANGES = "/data/ChangeEvents"
REPLAY_NEW = -1
REPLAY_ALL = -2
# After an org migration the ids start again, far below those that clients hold.
_HIGHEST_FIRST_ID_AFTER_MIGRATION = 1_000


def entity_channel(entity: str) -> str:
    """``/data/ContactChangeEvent``, and ``/data/My__ChangeEvent`` for custom objects."""
    return f"/data/{entity.removesuffix('c')}ChangeEvent" if entity.endswith("__c") else f"/data/{entity}ChangeEvent"


class EventLog:
    """Events of every channel within the retention; replay ids grow with holes and are shared by all channels."""

    def __init__(
        self,
        entities: Sequence[str],
        retention_seconds: float,
        rng: random.Random,
        clock: Callable[[], float],
        in_memory: int = 100_000,
    ) -> None:
        self.retention_seconds = retention_seconds
        self._rng = rng
        self._clock = clock
        self._tip = rng.randint(100_000, 2_000_000)
        self._published = False
        self._newest = NewestInMemory(in_memory)
        self._channels_of = {entity: (entity_channel(entity), ALL_CHANGES) for entity in entities}
        self._channels = {entity_channel(entity): Retained() for entity in entities}
        self._channels[ALL_CHANGES] = Retained()

    @property
    def tip(self) -> int:
        """The newest replay id of the org, whatever its channel."""
        return self._tip

    def has_channel(self, channel: str) -> bool:
        return channel in self._channels

    @property
    def channels(self) -> tuple[str, ...]:
        return tuple(self._channels)

    def count(self, channel: str) -> int:
        """How many events of a channel are retained."""
        return len(self._retained(channel))

    def add_channels(self, channels: Iterable[str]) -> None:
        """Custom channels, which carry what ``publish`` is told."""
        self._channels |= {channel: Retained() for channel in channels}

    def channels_of(self, entity: str) -> tuple[str, ...]:
        """The standard channels of an object; none when it is not selected."""
        return self._channels_of.get(entity, ())

    def publish(self, event: ChangeEvent, custom: Mapping[str, Mapping[str, object]] | None = None) -> int:
        """Append an event to its channels, and to custom ones with the fields they add; return its replay id."""
        self._tip += self._rng.randint(1, 4)
        plain = self._logged(event)
        for channel in self.channels_of(event.entity):
            self._retained(channel).append(plain)
        for channel, extra in (custom or {}).items():
            self._retained(channel).append(self._logged(event, extra) if extra else plain)
        self._published = True
        return self._tip

    def _logged(self, event: ChangeEvent, extra: Mapping[str, object] | None = None) -> LoggedEvent:
        logged = LoggedEvent(self._tip, self._clock(), event.entity, event.data(self._tip, extra))
        self._newest.add(logged, self._oldest_seconds)
        return logged

    def expire(self) -> int:
        """Drop what is retained, as if its time were over; how many events that were."""
        expired = sum(len(events) for channel, events in self._channels.items() if channel != ALL_CHANGES)
        for events in self._channels.values():
            events.clear()
        return expired

    def restart(self) -> None:
        """The org moves to another instance: retained events are gone and replay ids start again."""
        for events in self._channels.values():
            events.clear()
        self._tip = self._rng.randint(1, _HIGHEST_FIRST_ID_AFTER_MIGRATION)
        self._published = False

    def start(self, channel: str, replay_from: int) -> int | None:
        """The position (last id already seen) at which a subscription starts; None when the id is not valid."""
        events = self._retained(channel)
        if replay_from == REPLAY_NEW:
            return self._tip
        if replay_from == REPLAY_ALL:
            return REPLAY_ALL
        if events.has(replay_from):
            return replay_from
        return replay_from if replay_from == self._tip and self._tip_is_retained() else None

    def _tip_is_retained(self) -> bool:
        return not self._published or bool(self._retained(ALL_CHANGES))

    def after(self, channel: str, position: int, limit: int) -> list[LoggedEvent]:
        """Up to ``limit`` retained events after a position, oldest first."""
        return self._retained(channel).after(position, limit)

    def latest(self, channel: str, limit: int) -> list[LoggedEvent]:
        """The newest retained events, oldest first."""
        return self._retained(channel).latest(limit)

    def has_after(self, channel: str, position: int) -> bool:
        return self._channels[channel].has_after(position)

    def _retained(self, channel: str) -> Retained:
        """The channel's events with the expired ones dropped."""
        events = self._channels[channel]
        events.expire(self._oldest_seconds)
        return events

    @property
    def _oldest_seconds(self) -> float:
        return self._clock() - self.retention_seconds
