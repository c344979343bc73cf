"""A change event of Salesforce as it came -> the changes that it means, or why it means none by itself.

Shapes: Change Data Capture Developer Guide ("Change Event Message Structure", "Compound Fields", "Gap Events").
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite
from typing import Any, Literal, Protocol, TypeAlias

from schemas.events import Change, Entity, Origin, Parked, Version

Kind: TypeAlias = Literal["create", "update", "delete", "undelete"]

OBJECTS: dict[Entity, str] = {"contact": "Contact", "lead": "Lead", "account": "Account"}
"""Salesforce's name of each entity."""

KINDS: dict[str, Kind] = {
    "CREATE": "create",
    "UPDATE": "update",
    "DELETE": "delete",
    "UNDELETE": "undelete",
    # Says all that a DELETE says: a deletion carries no fields anyway.
    "GAP_DELETE": "delete",
}
GAPS = frozenset({"GAP_CREATE", "GAP_UPDATE", "GAP_UNDELETE"})

FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
RECORD_ID = re.compile(r"[A-Za-z0-9]{15}([A-Za-z0-9]{3})?\Z")
NO_RECORD = "000000000000000AAA"
CLIENT = re.compile(r";client=([^;]*)")

ADDRESS_PARTS = ("Street", "City", "State", "PostalCode", "Country", "Latitude", "Longitude", "GeocodeAccuracy")
NAME_PARTS = ("Salutation", "FirstName", "LastName")
NEVER_IN_EVENTS = frozenset({"Id", "IsDeleted", "SystemModstamp"})
"""Left out of snapshots as well, so that a record has the same fields whichever way it came."""

LARGEST = 2**63 - 1
"""Of the numbers in a version: MongoDB holds no larger ones."""

NUMBER_TYPES = frozenset({"double", "currency", "percent", "int", "long"})

PARKED_CHARACTERS = 450_000
"""Of a parked payload: ASCII, which JSON at most doubles, and the message must fit into Kafka's default of 1 MiB."""


class Event(Protocol):
    """`workers.ports.StreamEvent`, as far as it is needed here."""

    @property
    def entity(self) -> Entity: ...
    @property
    def replay_id(self) -> str: ...
    @property
    def payload(self) -> Mapping[str, Any]: ...
    @property
    def received_at_ms(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Changes:
    """One change per record id of the event."""

    changes: tuple[Change, ...]
    version: Version


@dataclass(frozen=True, slots=True)
class Reread:
    """The event tells that records changed, but not how: they must be read again.

    No record ids: every record of the entity. What is read must not lose against changes before `version`.
    """

    record_ids: tuple[str, ...]
    version: Version


@dataclass(frozen=True, slots=True)
class Malformed:
    reason: str


Normalized: TypeAlias = Changes | Reread | Malformed


class MalformedValue(ValueError):
    """The text becomes `Malformed.reason`."""


class _NotUsable(Exception):
    """A value that says that something changed, but not to what."""


def normalize(team: str, event: Event) -> Normalized:
    """Never raises: whatever an org sends is changes, a reason to read again, or malformed."""
    try:
        return _normalize(team, event)
    except MalformedValue as error:
        return Malformed(str(error))


def _normalize(team: str, event: Event) -> Normalized:
    header = event.payload.get("ChangeEventHeader")
    if not isinstance(header, Mapping):
        raise MalformedValue("no ChangeEventHeader")
    if header.get("entityName") != OBJECTS[event.entity]:
        raise MalformedValue(f"entityName {header.get('entityName')!r} on the channel of {OBJECTS[event.entity]}")
    version = _version(header)
    record_ids = _record_ids(header)
    change_type = str(header.get("changeType"))
    if change_type == "GAP_OVERFLOW" or record_ids is None:
        return Reread((), version)
    if change_type in GAPS:
        return Reread(record_ids, version)
    kind = KINDS.get(change_type)
    if kind is None:
        raise MalformedValue(f"unknown changeType {change_type[:40]!r}")
    try:
        fields = {} if kind == "delete" else dict(_flat(event, _names(header.get("changedFields"))))
    except _NotUsable:
        return Reread(record_ids, version)
    return Changes(_changes(team, event, header, kind, record_ids, version, fields), version)


def _changes(
    team: str,
    event: Event,
    header: Mapping[str, Any],
    kind: Kind,
    record_ids: tuple[str, ...],
    version: Version,
    fields: dict[str, Any],
) -> tuple[Change, ...]:
    origin = parse_origin(header.get("changeOrigin"))
    key = header.get("transactionKey")
    return tuple(
        # Not validated again: every part was checked above, and it would be a quarter of the work on an event.
        Change.model_construct(
            team=team,
            entity=event.entity,
            record_id=record_id,
            kind=kind,
            version=version,
            fields=fields,
            origin=origin,
            transaction_key=plain_text(key) if isinstance(key, str) else None,
            replay_id=event.replay_id,
            captured_at_ms=event.received_at_ms,
        )
        for record_id in record_ids
    )


def _version(header: Mapping[str, Any]) -> Version:
    return Version(*(_whole(header, name) for name in ("commitTimestamp", "commitNumber", "sequenceNumber")))


def _whole(header: Mapping[str, Any], name: str) -> int:
    number = header.get(name)
    if type(number) is not int or not 0 <= number <= LARGEST:
        raise MalformedValue(f"{name} {str(number)[:40]!r}")
    return number


def _record_ids(header: Mapping[str, Any]) -> tuple[str, ...] | None:
    """None: a wildcard (`001*`) or the placeholder of an overflow, both of which mean the whole entity."""
    ids = header.get("recordIds")
    if not isinstance(ids, list) or not ids or not all(isinstance(i, str) for i in ids):
        raise MalformedValue(f"recordIds {ids!r}"[:200])
    if any(i.endswith("*") or i == NO_RECORD for i in ids):
        return None
    return tuple(dict.fromkeys(long_id(i) for i in ids))


def _names(value: object) -> list[str]:
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []


def long_id(record_id: str) -> str:
    """The 18-character form: 15 characters and, per five of them, one that tells which are upper-case."""
    if not RECORD_ID.match(record_id):
        raise MalformedValue(f"{record_id[:40]!r} is not a record id")
    return record_id if len(record_id) == 18 else record_id + "".join(_check(record_id[i : i + 5]) for i in (0, 5, 10))


def _check(five: str) -> str:
    return "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"[sum(1 << i for i, c in enumerate(five) if "A" <= c <= "Z")]


def parse_origin(raw: object) -> Origin:
    """`com/salesforce/api/soap/61.0;client=Pardot/` -> client Pardot; the trailing slash comes and goes."""
    return _origin(raw) if isinstance(raw, str) else Origin()


@lru_cache(maxsize=1024)
def _origin(raw: str) -> Origin:
    """An org's changes come from a handful of programs."""
    found = CLIENT.search(raw)
    return Origin(raw=plain_text(raw), client=plain_text(found[1].rstrip("/")) or None if found else None)


# --- fields ----------------------------------------------------------------------------------------------------------


def _flat(event: Event, changed: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """The payload's fields under the names that SOQL and describe use."""
    for name, value in event.payload.items():
        if name == "ChangeEventHeader":
            continue
        if not FIELD_NAME.match(name):
            raise MalformedValue(f"field name {name[:80]!r}")
        if is_compound(event.entity, name):
            yield from _components(name, value, changed)
        else:
            yield name, _scalar(value)


def is_compound(entity: Entity, name: str) -> bool:
    """An account's Name is plain text, except on person accounts, where `_scalar` sends it to be read again."""
    return name.endswith("Address") or (name == "Name" and entity != "account")


def _components(compound: str, value: object, changed: Iterable[str]) -> Iterator[tuple[str, Any]]:
    if value is None:
        value = dict.fromkeys(_cleared(compound, changed))
    if not isinstance(value, Mapping):
        raise _NotUsable
    prefix = "" if compound == "Name" else compound.removesuffix("Address")
    for part, content in value.items():
        if not FIELD_NAME.match(part):
            raise MalformedValue(f"field name {compound}.{part[:80]!r}")
        yield prefix + part, _scalar(content)


def _cleared(compound: str, changed: Iterable[str]) -> Iterable[str]:
    named = [name.partition(".")[2] for name in changed if name.startswith(f"{compound}.")]
    return named or (NAME_PARTS if compound == "Name" else ADDRESS_PARTS)


def _scalar(value: object) -> Any:
    """Raises _NotUsable for a diff (`{"diff": ...}`) of a long text and for shapes that nobody has described."""
    if isinstance(value, str):
        return plain_text(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return finite(value)
    raise _NotUsable


def finite(value: int | float | str) -> float:
    """Events carry every number as a float; NaN and infinities have no JSON."""
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise MalformedValue(f"number {str(value)[:40]!r}") from None
    if not isfinite(number):
        raise MalformedValue(f"number {number}")
    return number


def plain_text(value: str) -> str:
    """Half a surrogate pair (an emoji cut off by a length limit) has no UTF-8: the replacement character stands in."""
    if value.isascii():
        return value
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


# --- parked ----------------------------------------------------------------------------------------------------------


def parked_event(team: str, topic: str, event: Event, reason: str) -> Parked:
    """What is kept of an event that is malformed."""
    text = json.dumps(event.payload, default=str)
    return parked_payload(team, topic, "malformed", reason, text, event.received_at_ms, event.replay_id)


def parked_change(topic: str, change: Change, size_bytes: int, limit_bytes: int) -> Parked:
    """What is kept of a change that does not fit into a message: all but its fields, which its record still has."""
    detail = f"{change.entity} {change.record_id}: {size_bytes} bytes, {limit_bytes} fit into a message"
    text = change.model_copy(update={"fields": {}}).model_dump_json()
    return parked_payload(change.team, topic, "too_large", detail, text, change.captured_at_ms, change.replay_id)


def parked_payload(
    team: str,
    topic: str,
    reason: Literal["malformed", "too_large"],
    detail: str,
    payload: str,
    parked_at_ms: int,
    replay_id: str | None,
) -> Parked:
    return Parked(
        team=team,
        topic=topic,
        replay_id=replay_id,
        reason=reason,
        detail=plain_text(detail[:1000]),
        payload=payload[:PARKED_CHARACTERS],
        parked_at_ms=parked_at_ms,
    )
