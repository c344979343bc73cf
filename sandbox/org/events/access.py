"""What of the change events a user gets: objects with View All, and fields that field-level security shows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

import orjson

from sandbox.org.metadata.objects import Catalogue
from sandbox.org.users.permissions import AccessTable, UserAccess

# Events that are being delivered to several subscribers at the same time.
_REDACTED_KEPT = 2_048


@dataclass(slots=True)
class EventAccess:
    """Asked for each subscription and each delivery."""

    access: AccessTable
    catalogue: Catalogue
    _hidden: dict[tuple[str, str], tuple[UserAccess, object, frozenset[str]]] = field(default_factory=dict)

    def withheld(self, user_id: str, entities: Iterable[str]) -> frozenset[str]:
        """Those objects whose events are not for the user."""
        access = self.access.of(user_id)
        return frozenset(one for one in entities if not access.may_view_all(one))

    def shown(self, user_id: str, entity: str, data: bytes) -> bytes:
        """The ``data`` of an event with the fields that the user may see."""
        hidden = self._hidden_of(user_id, entity)
        return _redacted(data, hidden) if hidden else data

    def _hidden_of(self, user_id: str, entity: str) -> frozenset[str]:
        """Members of the payload that the user may not see; worked out again when permissions or fields change."""
        access, object_type = self.access.of(user_id), self.catalogue.types[entity]
        known = self._hidden.get((user_id, entity))
        if known is None or known[0] is not access or known[1] is not object_type:
            names = access.hidden_fields(object_type)
            members = frozenset(one.compound or one.name for one in object_type.fields if one.name in names)
            known = self._hidden[user_id, entity] = (access, object_type, members)
        return known[2]


@lru_cache(maxsize=_REDACTED_KEPT)
def _redacted(data: bytes, hidden: frozenset[str]) -> bytes:
    event = orjson.loads(data)
    payload = {name: value for name, value in event["payload"].items() if name not in hidden}
    header = payload["ChangeEventHeader"]
    changed = [path for path in header["changedFields"] if path.partition(".")[0] not in hidden]
    payload["ChangeEventHeader"] = header | {"changedFields": changed}
    return orjson.dumps(event | {"payload": payload})
