"""Rows as JSON gives them: parents named by an external id, and values that are not of their field's type."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace

from aiohttp import web

from sandbox.org.http.wire import USER_ID, actor_of
from sandbox.org.metadata.objects import FieldType, ObjectType
from sandbox.org.rows.writes import Row, RowError, RowResult, Write
from sandbox.org.store.lookup import RowRefusedError, parent_id
from sandbox.org.store.org import Org
from sandbox.org.store.sharing import UserView

_WRONG_TYPE = "INVALID_TYPE_ON_FIELD_IN_RECORD"


async def commit_json(
    org: Org, request: web.Request, planned: Sequence[Write | RowResult], *, all_or_none: bool = False
) -> list[RowResult]:
    """Commit rows of a JSON body in one transaction; a result among them is that of a row refused before."""
    view = org.view(request[USER_ID])
    writes = [_with_parents(view, one) if isinstance(one, Write) else one for one in planned]
    results = org.commit(writes, actor_of(request), all_or_none=all_or_none)
    if all(result.success for result in results):
        return results
    body = (await request.read()).decode()
    return [_as_parsed(view, result, one, body) for result, one in zip(results, planned, strict=True)]


def _with_parents(view: UserView, write: Write) -> Write | RowResult:
    """`{"Account": {"Ext__c": "x"}}` means the id of the one account with that external id."""
    nested = [name for name, value in write.fields.items() if isinstance(value, dict)]
    object_type = view.find_object(write.object_name) if nested else None
    if object_type is None:
        return write
    fields = dict(write.fields)
    try:
        for name in nested:
            reference = _reference(object_type, name)
            if reference is not None:
                fields[reference.name] = _parent_id(view, reference, fields.pop(name))
    except RowRefusedError as refusal:
        return RowResult(write.record_id, success=False, created=False, errors=(refusal.error,))
    return replace(write, fields=fields)


def _reference(object_type: ObjectType, relationship: str) -> FieldType | None:
    known = (one for one in object_type.references if one.relationship_name)
    return next((one for one in known if str(one.relationship_name).lower() == relationship.lower()), None)


def _parent_id(view: UserView, reference: FieldType, given: object) -> str:
    """The id of the record that is meant; a polymorphic reference says in its attributes which type."""
    assert isinstance(given, dict)
    attributes = given.get("attributes")
    named = attributes.get("type") if isinstance(attributes, dict) else None
    parent = view.find_object(str(named or reference.reference_to[0]))
    keys = [(name, value) for name, value in given.items() if name != "attributes"]
    field = parent.find(keys[0][0]) if parent is not None and len(keys) == 1 else None
    if parent is None or field is None:
        rule = f"does not match an External ID, Salesforce Id, or indexed field for {reference.reference_to[0]}"
        raise RowRefusedError("INVALID_FIELD", f"Field name provided, {keys[0][0] if keys else ''} {rule}")
    return parent_id(view, [(parent, field)], str(keys[0][1]))


def _as_parsed(view: UserView, result: RowResult, planned: Write | RowResult, body: str) -> RowResult:
    """A value that cannot be read as its field's type is an error of the parser, which names no fields."""
    if not isinstance(planned, Write) or all(error.status_code != _WRONG_TYPE for error in result.errors):
        return result
    object_type = view.find_object(planned.object_name)
    assert object_type is not None
    errors = (
        _parser_error(object_type, planned.fields, error, body) if error.status_code == _WRONG_TYPE else error
        for error in result.errors
    )
    return replace(result, errors=tuple(errors))


def _parser_error(object_type: ObjectType, fields: Row, error: RowError, body: str) -> RowError:
    field = object_type.by_name[error.fields[0]]
    name = next(key for key in fields if key.lower() == field.name.lower())
    token, shown = _token(fields[name])
    what = f"Cannot deserialize instance of {field.type} from {token} value {shown}"
    place = f"or request may be missing a required field at [{_position(body, name)}]"
    return RowError("JSON_PARSER_ERROR", f"{what} {place}")


def _token(value: object) -> tuple[str, str]:
    """What Jackson calls the token, and its text."""
    match value:
        case bool():
            return f"VALUE_{str(value).upper()}", str(value).lower()
        case int():
            return "VALUE_NUMBER_INT", str(value)
        case float():
            return "VALUE_NUMBER_FLOAT", str(value)
        case dict():
            return "START_OBJECT", "{"
        case list():
            return "START_ARRAY", "["
        case _:
            return "VALUE_STRING", str(value)


def _position(text: str, name: str) -> str:
    """Line and column of the first value of that name; of the start when the name is spelt with escapes."""
    found = re.search(rf"{re.escape(json.dumps(name, ensure_ascii=False))}\s*:\s*", text)
    before = text[: found.end()] if found else ""
    return f"line:{before.count(chr(10)) + 1}, column:{len(before) - before.rfind(chr(10))}"
