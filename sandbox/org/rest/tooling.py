"""The Tooling API as far as integrations use it: which objects have change events, and custom fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from aiohttp import web
from aiohttp.typedefs import Handler

from sandbox.org.automation.specs import ValidationRule
from sandbox.org.formulas.syntax import FormulaError
from sandbox.org.http.paths import DATA
from sandbox.org.http.wire import USER_ID, api_error, api_version, json_object, json_response
from sandbox.org.metadata.objects import FieldType, ObjectType
from sandbox.org.query.api import RecordRenderer
from sandbox.org.rest.event_schema import event_name
from sandbox.org.rows.tables import Snapshot
from sandbox.org.soql.execute import run
from sandbox.org.soql.language.errors import CUSTOM_ENTITY_HINT, SoqlError
from sandbox.org.soql.schema import Row
from sandbox.org.store.custom_fields import InvalidFieldError
from sandbox.org.store.org import Org
from sandbox.org.store.setup import add_field
from sandbox.org.values.ids import base62, to_18

_CHANNEL = "ChangeEvents"


def routes(org: Org) -> list[web.RouteDef]:
    api = Tooling(org)
    return [
        web.get(f"{DATA}/tooling/query", api.query),
        web.post(f"{DATA}/tooling/sobjects/CustomField", api.customizing(api.create_field)),
        web.post(f"{DATA}/tooling/sobjects/ValidationRule", api.customizing(api.create_rule)),
    ]


class Tooling:
    """The handlers, over one org."""

    def __init__(self, org: Org) -> None:
        self._org = org

    def customizing(self, handler: Handler) -> Handler:
        """Refuse callers without the permission to customize the application."""

        async def handle(request: web.Request) -> web.StreamResponse:
            if "PermissionsCustomizeApplication" not in self._org.access.of(request[USER_ID]).system:
                return api_error(403, "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", [])
            return await handler(request)

        return handle

    async def query(self, request: web.Request) -> web.Response:
        views_setup = "PermissionsViewSetup" in self._org.access.of(request[USER_ID]).system
        source = ToolingRecords(self._org, _TYPES if views_setup else {})
        try:
            selection = run(source, request.query.get("q", ""), request[USER_ID])
        except SoqlError as error:
            # The hint about custom objects is missing here.
            return api_error(400, error.error_code, error.message.removesuffix(f" {CUSTOM_ENTITY_HINT}"))
        render = RecordRenderer(source, selection, api_version(request), below="tooling/sobjects")
        body = {
            "size": len(selection.rows),
            "totalSize": len(selection.rows),
            "done": True,
            "queryLocator": None,
            "entityTypeName": selection.object_type.name,
            "records": [] if selection.query.counts_only else [render.record(row) for row in selection.rows],
        }
        return json_response(body)

    async def create_rule(self, request: web.Request) -> web.Response:
        """``{"FullName": "Contact.Name", "Metadata": {"errorConditionFormula": ..., "errorMessage": ...}}``."""
        body = {name.lower(): value for name, value in (await json_object(request)).items()}
        metadata = body.get("metadata")
        object_name, _, name = str(body.get("fullname")).partition(".")
        try:
            self._org.rules.rulebook.add_rule(_rule(object_name, name, metadata if isinstance(metadata, dict) else {}))
        except FormulaError as error:
            return api_error(400, "FIELD_INTEGRITY_EXCEPTION", str(error), [])
        rule_id = self._org.ids.take("03d")
        return json_response({"id": rule_id, "success": True, "errors": [], "warnings": [], "infos": []}, 201)

    async def create_field(self, request: web.Request) -> web.Response:
        """Nobody sees the field before there are field permissions for it, unless the org is told otherwise."""
        body = {name.lower(): value for name, value in (await json_object(request)).items()}
        try:
            visible = self._org.config.new_fields_visible
            add_field(self._org, body.get("fullname"), body.get("metadata"), visible=visible)
        except InvalidFieldError as error:
            return api_error(400, error.code, str(error), [])
        field_id = self._org.ids.take("00N")
        return json_response({"id": field_id, "success": True, "errors": [], "warnings": [], "infos": []}, 201)


def _rule(object_name: str, name: str, metadata: Mapping[str, object]) -> ValidationRule:
    """Metadata API, ValidationRule."""
    return ValidationRule(
        object_name,
        name,
        str(metadata.get("errorConditionFormula") or ""),
        str(metadata.get("errorMessage") or ""),
        str(metadata.get("errorDisplayField") or ""),
        active=metadata.get("active", True) is True,
    )


class ToolingRecords:
    """The org's metadata as records that can be queried."""

    def __init__(self, org: Org, types: Mapping[str, ObjectType] | None = None) -> None:
        self._org = org
        # Without View Setup and Configuration there is nothing to query.
        self._types = _TYPES if types is None else types
        self.clock: Callable[[], float] = org.clock
        self.config = org.config

    def objects(self) -> Mapping[str, ObjectType]:
        return self._types

    def get(self, object_name: str, record_id: str, *, deleted: bool = False) -> Row | None:
        return next((row for row in self.rows(object_name, deleted=deleted) if row["Id"] == record_id), None)

    def viewed_at(self, _object_name: str, _record_id: str) -> str | None:
        return None

    def rows_with(self, object_name: str, field_name: str, value: object) -> Iterable[Row]:
        return (row for row in self.rows(object_name) if str(row.get(field_name)).lower() == str(value).lower())

    def rows(self, object_name: str, *, deleted: bool = False) -> Snapshot:
        rows = {
            "PlatformEventChannelMember": self._members,
            "PlatformEventChannel": self._channels,
            "CustomField": self._custom_fields,
            "ValidationRule": self._validation_rules,
            "EntityDefinition": self._entities,
        }[object_name]()
        return Snapshot.of(rows)

    def _members(self) -> list[Row]:
        config = self._org.config
        selected = [(_CHANNEL, entity) for entity in config.cdc_entities]
        selected += [(channel.name, member.entity) for channel in config.custom_channels for member in channel.members]
        types = self._org.objects()
        known = [(channel, event_name(types[entity])) for channel, entity in selected if entity in types]
        return [
            {
                "Id": _id("0v8", number),
                "DeveloperName": f"{channel}_{event}".replace("__", "_"),
                "MasterLabel": event,
                "EventChannel": channel,
                "SelectedEntity": event,
            }
            for number, (channel, event) in enumerate(known)
        ]

    def _channels(self) -> list[Row]:
        names = (_CHANNEL, *(channel.name for channel in self._org.config.custom_channels))
        return [
            {
                "Id": _id("0YL", number),
                "FullName": name,
                "DeveloperName": name.removesuffix("__chn"),
                "MasterLabel": name,
            }
            for number, name in enumerate(names)
        ]

    def _custom_fields(self) -> list[Row]:
        fields = [(one.name, field) for one in self._org.objects().values() for field in one.fields if field.custom]
        return [
            {"Id": _id("00N", number), "DeveloperName": field.name.removesuffix("__c"), "TableEnumOrId": object_name}
            for number, (object_name, field) in enumerate(fields)
        ]

    def _validation_rules(self) -> list[Row]:
        return [
            {
                "Id": _id("03d", number),
                "ValidationName": rule.name,
                "EntityDefinitionId": rule.object_name,
                "Active": rule.active,
                "ErrorDisplayField": rule.field_name or None,
                "ErrorMessage": rule.message,
            }
            for number, rule in enumerate(self._org.rules.rulebook.rules)
        ]

    def _entities(self) -> list[Row]:
        return [
            {
                "Id": to_18(f"{one.key_prefix}{'0' * 12}"),
                "QualifiedApiName": one.name,
                "DurableId": one.name,
                "Label": one.label,
                "PluralLabel": one.label_plural,
                "KeyPrefix": one.key_prefix,
            }
            for one in self._org.objects().values()
        ]


def _id(prefix: str, number: int) -> str:
    return to_18(prefix + base62(number + 1, 12))


def _type(name: str, *texts: str) -> ObjectType:
    fields = [FieldType("Id", "id", "Record ID", length=18)]
    fields += [FieldType(text, "string", text, length=255) for text in texts]
    object_type = ObjectType(name, name, name, "", tuple(fields), scopes=("everything",))
    return replace(object_type, createable=False, updateable=False, deletable=False)


_TYPES = {
    one.name: one
    for one in (
        _type("PlatformEventChannelMember", "DeveloperName", "MasterLabel", "EventChannel", "SelectedEntity"),
        _type("PlatformEventChannel", "FullName", "DeveloperName", "MasterLabel"),
        _type("CustomField", "DeveloperName", "TableEnumOrId"),
        _type("ValidationRule", "ValidationName", "EntityDefinitionId", "Active", "ErrorDisplayField", "ErrorMessage"),
        _type("EntityDefinition", "QualifiedApiName", "DurableId", "Label", "PluralLabel", "KeyPrefix"),
    )
}
