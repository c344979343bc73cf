"""What each user viewed last: recently viewed records and list views."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator

from sandbox.org.values.timestamps import rest_datetime

# Recently Viewed Items (Salesforce Help): 200 records per object, kept 90 days.
KEPT_PER_OBJECT = 200
#: The object that lists them all.
RECENTLY_VIEWED = "RecentlyViewed"
#: Fields that tell when the running user viewed a record; they are no part of its state.
VIEWING_DATES = frozenset({"LastViewedDate", "LastReferencedDate"})


class RecentlyViewed:
    """Per user and object, newest last: record id -> when it was viewed."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._viewed: dict[tuple[str, str], OrderedDict[str, tuple[float, str]]] = {}

    def note(self, user_id: str, object_name: str, record_id: str) -> None:
        """The user looked at the record."""
        viewed = self._viewed.setdefault((user_id, object_name), OrderedDict())
        now = self._clock()
        viewed[record_id] = (now, rest_datetime(now))
        viewed.move_to_end(record_id)
        if len(viewed) > KEPT_PER_OBJECT:
            viewed.popitem(last=False)

    def of(self, user_id: str, object_name: str) -> list[str]:
        """Ids of one object, newest first."""
        return list(reversed(self._viewed.get((user_id, object_name), ())))

    def newest(self, user_id: str) -> Iterator[tuple[str, str, str]]:
        """Object, id and moment of all that the user viewed, newest first."""
        viewed = (
            (at, name, record_id, text)
            for (viewer, name), records in self._viewed.items()
            if viewer == user_id
            for record_id, (at, text) in records.items()
        )
        for _at, name, record_id, text in sorted(viewed, key=lambda one: one[0], reverse=True):
            yield name, record_id, text

    def viewed_at(self, user_id: str, object_name: str, record_id: str) -> str | None:
        """When the user viewed the record, as REST writes it."""
        if object_name == RECENTLY_VIEWED:
            return next((text for _name, one, text in self.newest(user_id) if one == record_id), None)
        records = self._viewed.get((user_id, object_name))
        viewed = records.get(record_id) if records else None
        return None if viewed is None else viewed[1]
