"""Avro schemas of change events: ``event/eventSchema/<id>`` and ``sobjects/XChangeEvent/eventSchema``."""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web

from sandbox.org.http.paths import DATA
from sandbox.org.http.wire import json_response, not_found
from sandbox.org.metadata.objects import FieldType, ObjectType
from sandbox.org.store.org import Org

_Json = dict[str, object]
_NAMESPACE = "com.sforce.eventbus"
_CHANGE_TYPES = (
    "CREATE", "UPDATE", "DELETE", "UNDELETE", "GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE", "GAP_OVERFLOW",
    "SNAPSHOT",
)  # fmt: skip
_AVRO_TYPES = {
    "boolean": "boolean", "double": "double", "currency": "double", "percent": "double", "int": "int",
    "date": "long", "datetime": "long",
}  # fmt: skip
_DOC_TYPES = {
    "boolean": "CheckBox", "double": "Double", "currency": "Currency", "percent": "Percent", "int": "Integer",
    "date": "DateOnly", "datetime": "DateTime", "reference": "EntityId", "email": "Email", "phone": "Phone",
    "url": "Url", "picklist": "DynamicEnum",
}  # fmt: skip


def routes(org: Org) -> list[web.RouteDef]:
    async def by_id(request: web.Request) -> web.Response:
        wanted = request.match_info["schema_id"]
        types = (*org.objects().values(), *org.catalogue.former)
        return _reply(request, next((one for one in types if one.event_schema_id == wanted), None))

    async def by_name(request: web.Request) -> web.Response:
        name = request.match_info["event"]
        types = (one for one in org.objects().values() if event_name(one).lower() == name.lower())
        return _reply(request, next(types, None))

    return [
        web.get(f"{DATA}/event/eventSchema/{{schema_id}}", by_id),
        web.get(f"{DATA}/sobjects/{{event}}/eventSchema", by_name),
    ]


def event_name(object_type: ObjectType) -> str:
    """``ContactChangeEvent``, ``My__ChangeEvent``."""
    name = object_type.name
    return f"{name.removesuffix('c')}ChangeEvent" if name.endswith("__c") else f"{name}ChangeEvent"


def _reply(request: web.Request, object_type: ObjectType | None) -> web.Response:
    if object_type is None:
        return not_found()
    expanded = request.query.get("payloadFormat", "EXPANDED").upper() != "COMPACT"
    return json_response(_expanded(object_type) if expanded else compact_schema(object_type))


def compact_schema(object_type: ObjectType) -> _Json:
    """The schema of the payload: the header first, then the fields, compounds where their first part stands."""
    return {
        "name": event_name(object_type),
        "namespace": _NAMESPACE,
        "type": "record",
        "fields": [_header(), *_payload_fields(object_type)],
        "uuid": object_type.event_schema_id,
    }


def _expanded(object_type: ObjectType) -> _Json:
    """The schema of the CometD message's ``data``."""
    compact = compact_schema(object_type)
    payload = {"name": "Payload", "type": "record", "doc": "", "fields": compact["fields"]}
    event = {"name": "Event", "type": "record", "fields": [{"name": "replayId", "type": "long"}]}
    data = [
        {"name": "schema", "type": "string"},
        {"name": "payload", "type": payload},
        {"name": "event", "type": event},
    ]
    fields = [
        {"name": "data", "type": {"name": "Data", "type": "record", "fields": data}},
        {"name": "channel", "type": "string"},
    ]
    return compact | {"type": "expanded-record", "fields": fields}


def _payload_fields(object_type: ObjectType) -> Iterable[_Json]:
    done: set[str] = set()
    for field in object_type.event_fields:
        if field.compound is None:
            yield _nullable(field.name, _AVRO_TYPES.get(field.type, "string"), _doc(field))
        elif field.compound not in done:
            done.add(field.compound)
            parts = [one for one in object_type.event_fields if one.compound == field.compound]
            yield _nullable(field.compound, _compound(field, parts), f"Data:{field.compound}")


def _compound(first: FieldType, parts: Iterable[FieldType]) -> _Json:
    name = "PersonName" if first.compound == "Name" else "Address"
    fields = [_nullable(str(one.component), _AVRO_TYPES.get(one.type, "string"), _doc(one)) for one in parts]
    return {"type": "record", "name": f"{name}_{first.compound}", "fields": fields}


def _nullable(name: str, avro_type: object, doc: str) -> _Json:
    return {"name": name, "type": ["null", avro_type], "doc": doc, "default": None}


def _doc(field: FieldType) -> str:
    return f"Data:{_DOC_TYPES.get(field.type, 'Text')}"


def _header() -> _Json:
    strings = {"type": "array", "items": "string"}
    change_type = {"type": "enum", "name": "ChangeType", "symbols": list(_CHANGE_TYPES)}
    fields = (
        ("entityName", "string"), ("recordIds", strings), ("changeType", change_type), ("changeOrigin", "string"),
        ("transactionKey", "string"), ("sequenceNumber", "int"), ("commitTimestamp", "long"), ("commitNumber", "long"),
        ("commitUser", "string"), ("nulledFields", strings), ("diffFields", strings), ("changedFields", strings),
    )  # fmt: skip
    record = {
        "type": "record",
        "name": "ChangeEventHeader",
        "fields": [{"name": name, "type": kind} for name, kind in fields],
    }
    return {"name": "ChangeEventHeader", "type": record}
