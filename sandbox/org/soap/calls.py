"""The record calls of the SOAP APIs (SOAP API guide, "Core Calls"): query, create ... merge, convertLead, describes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sandbox.org.metadata.describe import full_describe, global_entry
from sandbox.org.metadata.objects import ObjectType
from sandbox.org.rest.record_collections import planned_upsert
from sandbox.org.rest.records import value_of
from sandbox.org.rest.replication import Replicas, SpanError
from sandbox.org.rows.writes import Actor, Operation, Row, RowError, RowResult, Write
from sandbox.org.soap.answers import SoapFaultError, element, elements, without_nulls
from sandbox.org.soap.request import Element, SoapCall
from sandbox.org.soql.execute import Selection, run
from sandbox.org.soql.language.errors import SoqlError
from sandbox.org.soql.typeof import TypedParent
from sandbox.org.store.conversion import Conversion, ConversionError, convert
from sandbox.org.store.merging import MergeError, merge
from sandbox.org.store.org import Org
from sandbox.org.values.ids import MalformedIdError, base62, to_18
from sandbox.org.values.timestamps import rest_datetime

# SOAP API guide: records of one call, rows of a batch, cursors of a user.
MAX_RECORDS = 200
_BATCH_ROWS = (200, 500, 2_000)
_MAX_CURSORS = 10


@dataclass(frozen=True, slots=True)
class SoapCaller:
    """Who calls, and by which of the two WSDLs."""

    actor: Actor
    enterprise: bool

    @property
    def namespace(self) -> str:
        return f"urn:sobject.{'enterprise' if self.enterprise else 'partner'}.soap.sforce.com"


@dataclass(slots=True)
class SoapCursors:
    """What is left of large answers."""

    org: Org
    _selections: dict[str, Selection] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def keep(self, selection: Selection) -> str:
        cursor_id = to_18(f"01g{self.org.ids.pod}0{base62(next(self._numbers), 9)}")
        self._selections[cursor_id] = selection
        if len(self._selections) > _MAX_CURSORS:
            del self._selections[next(iter(self._selections))]
        return cursor_id

    def find(self, locator: str) -> tuple[str, Selection, int]:
        cursor_id, _, start = locator.rpartition("-")
        selection = self._selections.get(cursor_id)
        if selection is None or not start.isdecimal() or int(start) >= len(selection.rows):
            raise SoapFaultError("INVALID_QUERY_LOCATOR", "invalid query locator")
        return cursor_id, selection, int(start)


_Answer = Callable[[SoapCall, SoapCaller], str]


@dataclass(frozen=True, slots=True)
class SoapRecords:
    """The calls, over one org."""

    org: Org
    cursors: SoapCursors

    def knows(self, operation: str) -> bool:
        return operation in self._calls

    def answer(self, call: SoapCall, caller: SoapCaller) -> str:
        """The response element. Raises SoapFaultError."""
        return f"<{call.operation}Response>{self._calls[call.operation](call, caller)}</{call.operation}Response>"

    @property
    def _calls(self) -> Mapping[str, _Answer]:
        return {
            "query": self._query,
            "queryAll": self._query,
            "queryMore": self._query_more,
            "create": self._create,
            "update": self._update,
            "upsert": self._upsert,
            "delete": self._by_id("delete"),
            "undelete": self._by_id("undelete"),
            "emptyRecycleBin": self._by_id("hard_delete"),
            "retrieve": self._retrieve,
            "merge": self._merge,
            "convertLead": self._convert,
            "describeGlobal": self._describe_global,
            "describeSObject": self._describe,
            "describeSObjects": self._describe,
            "getServerTimestamp": self._timestamp,
            "getUpdated": self._replicas,
            "getDeleted": self._replicas,
        }

    def _query(self, call: SoapCall, caller: SoapCaller) -> str:
        text, user_id = call.body.value("queryString"), caller.actor.user_id
        try:
            selection = run(self.org.view(user_id), text, user_id, deleted=call.operation == "queryAll")
        except SoqlError as error:
            raise SoapFaultError(error.error_code, error.message) from error
        return self._page(call, caller, "", selection, 0)

    def _query_more(self, call: SoapCall, caller: SoapCaller) -> str:
        cursor_id, selection, start = self.cursors.find(call.body.value("queryLocator"))
        return self._page(call, caller, cursor_id, selection, start)

    def _page(self, call: SoapCall, caller: SoapCaller, cursor_id: str, selection: Selection, start: int) -> str:
        least, usual, most = _BATCH_ROWS
        asked = call.headers.get("batchSize", "")
        end = start + (min(max(int(asked), least), most) if asked.isdecimal() else usual)
        done = end >= len(selection.rows)
        locator = None if done else f"{cursor_id or self.cursors.keep(selection)}-{end}"
        rows = () if selection.query.counts_only else selection.rows[start:end]
        records = "".join(_record("records", self.org, selection, row, caller) for row in rows)
        head = elements({"done": done, "queryLocator": locator})
        return f'<result xsi:type="QueryResult">{head}{records}{element("size", len(selection.rows))}</result>'

    def _create(self, call: SoapCall, caller: SoapCaller) -> str:
        writes = [Write("create", one.object_name, None, one.fields) for one in _records(call)]
        return self._commit(call, caller, writes)

    def _update(self, call: SoapCall, caller: SoapCaller) -> str:
        writes = [Write("update", one.object_name, one.record_id, one.fields) for one in _records(call)]
        return self._commit(call, caller, writes)

    def _upsert(self, call: SoapCall, caller: SoapCaller) -> str:
        name = call.body.value("externalIDFieldName")
        planned = [self._planned(one, name, caller) for one in _records(call)]
        return self._commit(call, caller, planned, tells_created=True)

    def _planned(self, record: _Given, field_name: str, caller: SoapCaller) -> Write | RowResult:
        view = self.org.view(caller.actor.user_id)
        object_type = view.find_object(record.object_name)
        if object_type is None:
            return Write("create", record.object_name, None, record.fields)
        key = object_type.find(field_name)
        if key is None or not key.id_lookup:
            raise SoapFaultError("INVALID_FIELD", f"No such column '{field_name}' on entity '{object_type.name}'.")
        own: Row = {} if record.record_id is None else {"Id": record.record_id}
        return planned_upsert(view, object_type, key, {"attributes": {}, **own, **record.fields})

    def _by_id(self, operation: Operation) -> _Answer:
        def answer(call: SoapCall, caller: SoapCaller) -> str:
            ids = call.body.values("ids") or call.body.values("ID")
            _check_count(len(ids))
            return self._commit(call, caller, [self._write_of(operation, one) for one in ids])

        return answer

    def _write_of(self, operation: Operation, record_id: str) -> Write | RowResult:
        known = (one.name for one in self.org.objects().values() if one.key_prefix == record_id[:3])
        name = next(known, None)
        if name is None:
            code = "INVALID_CROSS_REFERENCE_KEY" if len(record_id) in {15, 18} else "MALFORMED_ID"
            text = "invalid cross reference id" if code.startswith("INVALID") else f"malformed id {record_id}"
            return RowResult(None, success=False, created=False, errors=(RowError(code, text),))
        if operation == "hard_delete" and self.org.get(name, _full(record_id)) is not None:
            error = RowError("INVALID_ID_FIELD", f"record is not in the recycle bin: {record_id}")
            return RowResult(None, success=False, created=False, errors=(error,))
        return Write(operation, name, record_id, {})

    def _commit(
        self,
        call: SoapCall,
        caller: SoapCaller,
        writes: Sequence[Write | RowResult],
        *,
        tells_created: bool = False,
    ) -> str:
        all_or_none = call.headers.get("allOrNone", "").lower() == "true"
        results = self.org.commit(writes, caller.actor, all_or_none=all_or_none)
        return "".join(_result(one, tells_created=tells_created) for one in results)

    def _retrieve(self, call: SoapCall, caller: SoapCaller) -> str:
        view = self.org.view(caller.actor.user_id)
        object_type = self._object(view.find_object(call.body.value("sObjectType")), call.body.value("sObjectType"))
        names = [one.strip() for one in call.body.value("fieldList").split(",") if one.strip()]
        _check_count(len(call.body.values("ids")), limit=2_000)
        return "".join(
            self._retrieved(object_type, names, view.get(object_type.name, _full(one)), caller)
            for one in call.body.values("ids")
        )

    def _retrieved(self, object_type: ObjectType, names: Sequence[str], row: Row | None, caller: SoapCaller) -> str:
        if row is None:
            return '<result xsi:nil="true"/>'
        fields = [(name, object_type.find(name)) for name in names]
        unknown = next((name for name, found in fields if found is None), None)
        if unknown is not None:
            raise SoapFaultError("INVALID_FIELD", f"No such column '{unknown}' on entity '{object_type.name}'.")
        values = {found.name: value_of(object_type, found, row) for _, found in fields if found is not None}
        return _sobject("result", object_type.name, values, caller)

    def _merge(self, call: SoapCall, caller: SoapCaller) -> str:
        return "".join(self._merged(one, caller) for one in call.body.all("request"))

    def _merged(self, request: Element, caller: SoapCaller) -> str:
        masters = request.all("masterRecord")
        if not masters:
            raise SoapFaultError("INVALID_OPERATION", "a merge needs a master record")
        master, losers = _given(masters[0]), request.values("recordToMergeIds")
        try:
            result = merge(self.org, master.object_name, master.record_id or "", losers, master.fields, caller.actor)
        except MergeError as error:
            result = _refusal(str(error))
        if not result.success:
            return _result(result)
        merged = {"id": result.record_id, "mergedRecordIds": [_full(one) for one in losers], "success": True}
        return element("result", merged)

    def _convert(self, call: SoapCall, caller: SoapCaller) -> str:
        return "".join(self._converted(one, caller) for one in call.body.all("leadConverts"))

    def _converted(self, given: Element, caller: SoapCaller) -> str:
        lead_id = given.value("leadId")
        conversion = Conversion(
            _full(lead_id),
            account_id=_full(given.value("accountId")) or None,
            contact_id=_full(given.value("contactId")) or None,
            opportunity_name=given.value("opportunityName") or None,
            create_opportunity=given.value("doNotCreateOpportunity") not in {"true", "1"},
        )
        try:
            converted = convert(self.org, conversion, caller.actor)
        except ConversionError as error:
            errors = [_error(one) for one in _refusal(str(error)).errors]
            nothing = {"opportunityId": None, "success": False}
            refused = {"accountId": None, "contactId": None, "errors": errors, "leadId": lead_id, **nothing}
            return element("result", refused)
        return element(
            "result",
            {
                "accountId": converted.account_id,
                "contactId": converted.contact_id,
                "leadId": _full(lead_id),
                "opportunityId": converted.opportunity_id,
                "success": True,
            },
        )

    def _describe_global(self, _call: SoapCall, caller: SoapCaller) -> str:
        types = self.org.view(caller.actor.user_id).objects().values()
        entries = [_plain(global_entry(one, caller.actor.api_version)) for one in types]
        return element("result", {"encoding": "UTF-8", "maxBatchSize": MAX_RECORDS, "sobjects": entries})

    def _describe(self, call: SoapCall, caller: SoapCaller) -> str:
        view, version = self.org.view(caller.actor.user_id), caller.actor.api_version
        types = [self._object(view.find_object(name), name) for name in call.body.values("sObjectType")]
        others, record_types = view.objects().values(), self.org.rules.record_types
        return "".join(element("result", _plain(full_describe(one, version, others, record_types))) for one in types)

    def _object(self, object_type: ObjectType | None, name: str) -> ObjectType:
        if object_type is None:
            raise SoapFaultError("INVALID_TYPE", f"sObject type '{name}' is not supported.")
        return object_type

    def _replicas(self, call: SoapCall, caller: SoapCaller) -> str:
        name = call.body.value("sObjectType") or call.body.value("sObjectTypeEntityType")
        object_type = self._object(self.org.view(caller.actor.user_id).find_object(name), name)
        replicas = Replicas(self.org, caller.actor.user_id)
        find = replicas.updated if call.operation == "getUpdated" else replicas.deleted
        try:
            found = find(object_type.name, call.body.value("startDate"), call.body.value("endDate"))
        except SpanError as error:
            raise SoapFaultError(error.code, str(error)) from error
        return element("result", found)

    def _timestamp(self, _call: SoapCall, _caller: SoapCaller) -> str:
        return element("result", {"timestamp": rest_datetime(self.org.clock())})


_ONLY_REST = frozenset({"urls", "extendedBy", "extendsInterfaces", "sobjectDescribeOption"})


@dataclass(frozen=True, slots=True)
class _Given:
    """A record that the caller gives."""

    object_name: str
    record_id: str | None
    fields: Row


def _records(call: SoapCall) -> list[_Given]:
    given = [_given(one) for one in call.body.all("sObjects")]
    _check_count(len(given))
    return given


def _given(record: Element) -> _Given:
    """The partner WSDL names the object in ``type``, the enterprise WSDL in ``xsi:type``."""
    fields: Row = {
        one.name: one.text
        for one in record.children
        if one.name not in {"type", "Id", "fieldsToNull"} and not one.children
    }
    fields |= dict.fromkeys(record.values("fieldsToNull"))
    return _Given(record.value("type") or record.type_name, record.value("Id") or None, fields)


def _check_count(count: int, limit: int = MAX_RECORDS) -> None:
    if count > limit:
        message = f"record limit reached. cannot submit more than {limit} records into this call"
        raise SoapFaultError("EXCEEDED_ID_LIMIT", message)


def _full(record_id: str) -> str:
    try:
        return to_18(record_id)
    except MalformedIdError:
        return record_id


def _refusal(text: str) -> RowResult:
    """From ``CODE: message``."""
    code, _, message = text.partition(": ")
    return RowResult(None, success=False, created=False, errors=(RowError(code, message),))


def _error(error: RowError) -> dict[str, object]:
    return {"fields": list(error.fields), "message": error.message, "statusCode": error.status_code}


def _result(result: RowResult, *, tells_created: bool = False) -> str:
    created = {"created": result.created} if tells_created else {}
    errors = [_error(one) for one in result.errors]
    record_id = result.record_id if result.success else None
    return element("result", {**created, "errors": errors, "id": record_id, "success": result.success})


def _plain(described: Mapping[str, object]) -> object:
    """A describe of REST without what the partner WSDL does not know: strict clients fail on it."""
    kept = {name: value for name, value in described.items() if name not in _ONLY_REST}
    infos = kept.get("recordTypeInfos")
    if isinstance(infos, list):
        kept["recordTypeInfos"] = [{name: one for name, one in info.items() if name != "urls"} for info in infos]
    return without_nulls(kept)


def _record(name: str, org: Org, selection: Selection, row: Row, caller: SoapCaller) -> str:
    """A row of an answer; parents and children nest."""
    values: dict[str, object] = {}
    for column in selection.columns:
        target = values
        for part in column.names[:-1]:
            target = target.setdefault(part, {})  # type: ignore[assignment]  # parents are dicts
        target[column.names[-1]] = _value(org, column.read(row), caller)
    type_name = "AggregateResult" if selection.aggregated else selection.object_type.name
    return _sobject(name, type_name, values, caller)


def _value(org: Org, value: object, caller: SoapCaller) -> object:
    if isinstance(value, Selection):
        return _Xml(_children(org, value, caller))
    if isinstance(value, TypedParent):
        return {column.text: column.read(value.row) for column in value.columns}
    return value


@dataclass(frozen=True, slots=True)
class _Xml:
    """Already written."""

    text: str


def _children(org: Org, selection: Selection, caller: SoapCaller) -> str:
    records = "".join(_record("records", org, selection, row, caller) for row in selection.rows)
    return f'<done>true</done><queryLocator xsi:nil="true"/>{records}{element("size", len(selection.rows))}'


def _sobject(name: str, type_name: str, values: Mapping[str, object], caller: SoapCaller) -> str:
    """The partner WSDL gives the type first, and the id before all fields, null when it was not asked for."""
    fields = "".join(_field(key, value) for key, value in values.items())
    if caller.enterprise:
        return f'<{name} xsi:type="sf:{type_name}" xmlns:sf="{caller.namespace}">{fields}</{name}>'
    head = elements({"sf:type": type_name, "sf:Id": values.get("Id")})
    return f'<{name} xsi:type="sf:sObject" xmlns:sf="{caller.namespace}">{head}{fields}</{name}>'


def _field(name: str, value: object) -> str:
    if isinstance(value, _Xml):
        return f'<sf:{name} xsi:type="QueryResult">{value.text}</sf:{name}>'
    if isinstance(value, Mapping):
        return f"<sf:{name}>{''.join(_field(key, one) for key, one in value.items())}</sf:{name}>"
    return element(f"sf:{name}", value)
