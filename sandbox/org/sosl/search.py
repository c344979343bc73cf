"""Runs a search: the records of each object that have the term, picked and sorted by the object's own clauses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sandbox.org.metadata.objects import TEXT_TYPES, ObjectType
from sandbox.org.soql.execute import Selection, prepare
from sandbox.org.soql.language.errors import SoqlError
from sandbox.org.soql.schema import RecordSource, Row
from sandbox.org.sosl.parser import FieldGroup, Returning, Search, SearchError
from sandbox.org.sosl.terms import Matcher, matcher, words_of

_SETUP_OBJECTS = frozenset({"Organization", "RecordType", "Profile", "PermissionSet"})


def run(source: RecordSource, search: Search, user_id: str) -> list[Selection]:
    """One selection for each object with hits, in the order in which they were asked for.

    Raises:
        SearchError: the term or one of the objects' clauses is wrong.
    """
    hits = matcher(search.term)
    selections: list[Selection] = []
    left = search.limit
    for returning in search.returning or _all_objects(source):
        selection = _selection(source, search.group, returning, hits, user_id)
        if selection.rows:
            selections.append(replace(selection, rows=selection.rows[:left]))
            left -= len(selections[-1].rows)
        if left <= 0:
            break
    return selections


def _all_objects(source: RecordSource) -> tuple[Returning, ...]:
    return tuple(Returning(name) for name, one in source.objects().items() if is_searchable(one))


def is_searchable(object_type: ObjectType) -> bool:
    return object_type.find("Name") is not None and object_type.name not in _SETUP_OBJECTS


def _selection(source: RecordSource, group: FieldGroup, returning: Returning, hits: Matcher, user_id: str) -> Selection:
    try:
        prepared = prepare(source, returning.soql, user_id)
    except SoqlError as error:
        code = error.error_code.replace("MALFORMED_QUERY", "MALFORMED_SEARCH")
        raise SearchError(error.message, code) from error
    if prepared.grouping is not None or prepared.children:
        raise SearchError("aggregates and child queries cannot be searched for")
    texts, matches = _texts_of(prepared.object_type, group), prepared.matches
    return replace(prepared, matches=lambda row: matches(row) and hits(texts(row))).run(source)


def _texts_of(object_type: ObjectType, group: FieldGroup) -> Callable[[Row], list[list[str]]]:
    fields = [one.name for one in object_type.fields if _is_in(group, one.name, one.type)]
    return lambda row: [words_of(str(row[name])) for name in fields if row.get(name) is not None]


def _is_in(group: FieldGroup, name: str, kind: str) -> bool:
    match group:
        case "NAME":
            return name in {"Name", "FirstName", "LastName"}
        case "EMAIL":
            return kind == "email"
        case "PHONE":
            return kind == "phone"
        case _:
            return kind in TEXT_TYPES
