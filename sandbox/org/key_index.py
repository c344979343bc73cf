"""Records by the value of a field that identifies them, for many look-ups in a row."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from sandbox.org.ids import MalformedIdError, to_18
from sandbox.org.objects import NUMBER_TYPES, FieldType, ObjectType
from sandbox.org.store import Org


@dataclass(slots=True)
class KeyIndexes:
    """Indexes that are built when they are first needed; `clear` them when others may have written meanwhile."""

    org: Org
    _ids: dict[tuple[str, str], defaultdict[str, list[str]]] = field(default_factory=dict)

    def clear(self) -> None:
        self._ids.clear()

    def find(self, object_type: ObjectType, key: FieldType, value: str) -> list[str]:
        """The ids of the live records with that value, in any letter case."""
        if key.type == "id":
            return self._by_id(object_type, value)
        if key.unique:
            holder = self.org.unique.holder(object_type, key, normal_key(key, value))
            return [holder] if holder else []
        return self._index(object_type, key).get(_text(key, value), [])

    def note(self, object_type: ObjectType, key: FieldType, value: str, record_id: str) -> None:
        """A record of that value was created."""
        if (object_type.name, key.name) in self._ids:
            self._index(object_type, key)[_text(key, value)].append(record_id)

    def _by_id(self, object_type: ObjectType, value: str) -> list[str]:
        try:
            record_id = to_18(value)
        except MalformedIdError:
            return []
        return [record_id] if self.org.get(object_type.name, record_id) else []

    def _index(self, object_type: ObjectType, key: FieldType) -> defaultdict[str, list[str]]:
        index = self._ids.get((object_type.name, key.name))
        if index is None:
            index = self._ids[object_type.name, key.name] = defaultdict(list)
            for row in self.org.rows(object_type.name):
                value = row.get(key.name)
                if value is not None:
                    index[_text(key, value)].append(str(row["Id"]))
        return index


def normal_key(key: FieldType, value: object) -> object:
    """The value as rows hold it: `7` and `7.0` are the same number."""
    if key.type not in NUMBER_TYPES:
        return value
    try:
        return float(str(value))
    except ValueError:
        return value


def _text(key: FieldType, value: object) -> str:
    return str(normal_key(key, value)).lower()
