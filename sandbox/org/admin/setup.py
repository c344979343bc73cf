"""The administrator's side of an org from outside: custom fields, validation rules, triggers and flows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import cast, get_args

from aiohttp import web

from sandbox.org.admin.forms import AdminError, answer, arguments, mapping, text, texts
from sandbox.org.automation.specs import Automation, Occasion, ValidationRule
from sandbox.org.formulas.syntax import FormulaError
from sandbox.org.http.paths import ADMIN_PREFIX
from sandbox.org.http.wire import json_response
from sandbox.org.store.custom_fields import InvalidFieldError
from sandbox.org.store.org import Org
from sandbox.org.store.setup import add_field, convert_field

_REFUSALS = (AdminError, FormulaError, InvalidFieldError)
_Given = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class AdminSetup:
    """The handlers, over one org."""

    org: Org

    def routes(self) -> list[web.RouteDef]:
        actions: dict[str, Callable[[_Given], _Given]] = {
            "fields": self._add_field,
            "fields/convert": self._convert_field,
            "validation-rules": self._add_rule,
            "automations": self._add_automation,
            "automations/clear": self._clear_automations,
        }
        return [web.post(f"{ADMIN_PREFIX}/{path}", _acting(action)) for path, action in actions.items()]

    def _add_field(self, given: _Given) -> _Given:
        """``{"name": "Contact.X__c", "metadata": {"type": "Number", "formula": "..."}}``."""
        custom = add_field(self.org, text(given, "name"), mapping(given, "metadata"), visible=True)
        return {"object": custom.object_type.name, "field": custom.field.name}

    def _convert_field(self, given: _Given) -> _Given:
        """``{"name": "Contact.X__c", "metadata": {"type": "Number"}}``: its values are lost."""
        convert_field(self.org, text(given, "name"), mapping(given, "metadata"))
        return {"field": given["name"]}

    def _add_rule(self, given: _Given) -> _Given:
        """``{"object": "Contact", "name": ..., "condition": formula, "message": ..., "field": "Email"?}``."""
        rule = ValidationRule(
            text(given, "object"),
            text(given, "name"),
            text(given, "condition"),
            text(given, "message"),
            str(given.get("field") or ""),
            active=given.get("active", True) is True,
        )
        self.org.rules.rulebook.add_rule(rule)
        return {"rule": rule.name}

    def _add_automation(self, given: _Given) -> _Given:
        """``{"object": "Contact", "set": {field: formula}, "condition": formula?, "on": []?, "parent": name?}``."""
        occasions = texts(given, "on") if "on" in given else ["create", "update"]
        if unknown := set(occasions) - set(get_args(Occasion)):
            raise AdminError(f"on: no such occasion: {', '.join(sorted(unknown))}")
        automation = Automation(
            text(given, "object"),
            {name: str(formula) for name, formula in mapping(given, "set").items()},
            str(given.get("condition") or "TRUE"),
            cast("tuple[Occasion, ...]", tuple(occasions)),
            str(given.get("parent") or ""),
        )
        self.org.rules.rulebook.add_automation(automation)
        return {"automation": automation.object_name}

    def _clear_automations(self, _given: _Given) -> _Given:
        self.org.rules.rulebook.clear_automations()
        return {}


def _acting(action: Callable[[_Given], _Given]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        try:
            return answer(request, action(await arguments(request)))
        except _REFUSALS as error:
            return json_response({"error": str(error)}, 400)

    return handle
