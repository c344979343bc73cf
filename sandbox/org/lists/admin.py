"""`/__admin__/listviews`: the list views of the org with their conditions, and new ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from sandbox.org.http.wire import api_error, json_object, json_response, not_found
from sandbox.org.lists.conditions import NO_CONDITION, ConditionError
from sandbox.org.lists.model import COLUMNS, ListView
from sandbox.org.lists.store import ListViews
from sandbox.org.soql.execute import run
from sandbox.org.soql.language.errors import SoqlError
from sandbox.org.store.org import Org
from sandbox.org.values.ids import MalformedIdError, to_18


@dataclass(frozen=True, slots=True)
class ListViewAdmin:
    """The handlers, over one org."""

    org: Org
    views: ListViews

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/__admin__/listviews", self.definitions),
            web.post("/__admin__/listviews", self.define),
            web.get("/__admin__/listviews/{id}/members", self.members),
        ]

    async def definitions(self, _request: web.Request) -> web.Response:
        return json_response([_definition(view) for view in self.views.all()])

    async def define(self, request: web.Request) -> web.Response:
        """Create or redefine a view.

        From {object, label, developerName, where?, scope?, owner?, private?, sharedWith?, queue?, campaign?,
        soqlCompatible?}: users are named by user name or id, groups by name or id.
        """
        try:
            view = self.views.define(self._parsed(await json_object(request)))
        except ConditionError as error:
            return api_error(400, "MALFORMED_QUERY", str(error))
        except SoqlError as error:
            return api_error(400, error.error_code, error.message)
        return json_response(_definition(view), 201)

    async def members(self, request: web.Request) -> web.Response:
        """The ids that the org's own query engine puts into the view, asked as its owner or the administrator."""
        view = self.views.find(request.match_info["id"])
        if view is None:
            return not_found()
        user_id = view.owner_id or self.org.admin_user_id
        rows = run(self.org.view(user_id), view.query("Id"), user_id).rows
        return json_response([row["Id"] for row in rows])

    def _parsed(self, body: Mapping[str, object]) -> ListView:
        object_name, label, developer_name = (_text(body, name) for name in ("object", "label", "developerName"))
        if object_name not in COLUMNS:
            raise ConditionError(f"list views exist for {', '.join(COLUMNS)}, not {object_name}")
        condition = body.get("where") or NO_CONDITION
        if not isinstance(condition, dict):
            raise ConditionError("where must be an object")
        scope, entity_id = self._scope(body, object_name)
        owner_id = self._id(("User", "Username"), str(body["owner"])) if body.get("owner") else self.org.admin_user_id
        return ListView(
            object_name=object_name,
            label=label,
            developer_name=developer_name,
            condition=condition,
            scope=scope,
            owner_id=owner_id,
            audience=self._audience(body),
            entity_id=entity_id,
            soql_compatible=body.get("soqlCompatible", True) is True,
        )

    def _scope(self, body: Mapping[str, object], object_name: str) -> tuple[str, str | None]:
        if body.get("queue"):
            return "queue", self._id(("Group", "Name"), str(body["queue"]))
        if body.get("campaign"):
            if object_name not in {"Contact", "Lead"}:
                raise ConditionError("lists by campaign exist for Contact and Lead")
            return "campaign", self._id(("Campaign", "Name"), str(body["campaign"]))
        return str(body.get("scope") or "everything"), None

    def _audience(self, body: Mapping[str, object]) -> frozenset[str] | None:
        shared = body.get("sharedWith") or []
        if not isinstance(shared, list):
            raise ConditionError("sharedWith must be a list")
        if not shared and not body.get("private"):
            return None
        return frozenset(self._id(("Group", "Name"), str(one)) for one in shared)

    def _id(self, named: tuple[str, str], text: str) -> str:
        object_name, field_name = named
        found = next(iter(self.org.rows_with(object_name, field_name, text)), None)
        if found is not None:
            return str(found["Id"])
        try:
            record_id = to_18(text)
        except MalformedIdError:
            raise ConditionError(f"no {object_name} {text}") from None
        if self.org.get(object_name, record_id) is None:
            raise ConditionError(f"no {object_name} {text}")
        return record_id


def _text(body: Mapping[str, object], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise ConditionError(f"missing: {name}")
    return value


def _definition(view: ListView) -> dict[str, object]:
    return {
        "id": view.view_id,
        "object": view.object_name,
        "label": view.label,
        "developerName": view.developer_name,
        "scope": view.scope,
        "where": view.condition,
        "query": view.query("Id"),
        "owner": view.owner_id,
        "sharedWith": None if view.audience is None else sorted(view.audience),
        "soqlCompatible": view.soql_compatible,
    }
