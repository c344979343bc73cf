"""The list views of an org: which there are and who sees them. They are records of the object ListView too."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sandbox.org.lists.definitions import initial_views
from sandbox.org.lists.model import ListView
from sandbox.org.rows.writes import Row
from sandbox.org.soql.execute import prepare
from sandbox.org.values.ids import MalformedIdError, to_18

if TYPE_CHECKING:
    from sandbox.org.store.org import Org


class ListViews:
    """The list views of one org, by id."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._views: dict[str, ListView] = {}
        for view in initial_views():
            self._keep(view)

    def define(self, view: ListView) -> ListView:
        """Add a view, or give the one of the same object and developer name a new definition.

        Raises:
            SoqlError, ConditionError: the condition cannot be run.
        """
        prepare(self._org, view.query("Id"), self._org.admin_user_id)
        return self._keep(view)

    def _keep(self, view: ListView) -> ListView:
        same = (view.object_name, view.developer_name)
        known = next((one for one in self._views.values() if (one.object_name, one.developer_name) == same), None)
        view_id = known.view_id if known else self._org.ids.take("00B")
        stored = replace(view, view_id=view_id, shows_converted=self._org.config.lists_show_converted_leads)
        self._views[stored.view_id] = stored
        self._org.load("ListView", [_record(stored)], told_to_ledger=False)
        self._org.audiences[stored.view_id] = stored.visible_to
        return stored

    def all(self) -> list[ListView]:
        return list(self._views.values())

    def visible(self, object_name: str, identities: frozenset[str]) -> list[ListView]:
        views = (one for one in self._views.values() if one.object_name == object_name)
        return [one for one in views if one.visible_to(identities)]

    def find(self, view_id: str) -> ListView | None:
        """By the 15- or 18-character id."""
        try:
            return self._views.get(to_18(view_id))
        except MalformedIdError:
            return None


def _record(view: ListView) -> Row:
    return {
        "Id": view.view_id,
        "Name": view.label,
        "DeveloperName": view.developer_name,
        "SobjectType": view.object_name,
        "IsSoqlCompatible": view.soql_compatible,
    }
