"""Admin calls for what users do in Salesforce's own pages: merge, convert, empty the recycle bin."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

from sandbox.org.admin.forms import AdminError, answer, arguments, mapping, text, texts
from sandbox.org.admin.site import refusal
from sandbox.org.http.paths import ADMIN_PREFIX
from sandbox.org.rows.writes import Actor, Write
from sandbox.org.store.conversion import Conversion, ConversionError, convert
from sandbox.org.store.merging import MergeError, merge
from sandbox.org.store.org import Org
from sandbox.org.values.ids import MalformedIdError, to_18

_Action = Callable[[Mapping[str, object]], Mapping[str, object]]
_REFUSALS = (AdminError, MergeError, ConversionError, MalformedIdError)


@dataclass(frozen=True, slots=True)
class AdminRecords:
    """The handlers, over one org. Everything is done by the org's administrator, as from Lightning Experience."""

    org: Org

    def routes(self) -> list[web.RouteDef]:
        actions: dict[str, _Action] = {
            "records/merge": self._merge,
            "records/convert": self._convert,
            "records/hard-delete": self._hard_delete,
        }
        return [web.post(f"{ADMIN_PREFIX}/{path}", _acting(action)) for path, action in actions.items()]

    @property
    def _user(self) -> Actor:
        return Actor(self.org.admin_user_id, "")

    def _merge(self, given: Mapping[str, object]) -> Mapping[str, object]:
        """``{"object": "Contact", "winner": id, "losers": [ids], "fields": {}}``."""
        winner, losers = text(given, "winner"), texts(given, "losers")
        result = merge(self.org, text(given, "object"), winner, losers, mapping(given, "fields"), self._user)
        if not result.success:
            raise AdminError(f"{result.errors[0].status_code}: {result.errors[0].message}")
        return {"winner": result.record_id, "merged": len(losers)}

    def _convert(self, given: Mapping[str, object]) -> Mapping[str, object]:
        """``{"lead": id, "account": id?, "contact": id?, "opportunity": true}``."""
        conversion = Conversion(
            lead_id=to_18(text(given, "lead")),
            account_id=_optional_id(given, "account"),
            contact_id=_optional_id(given, "contact"),
            create_opportunity=given.get("opportunity", True) is True,
        )
        converted = convert(self.org, conversion, self._user)
        return {
            "account": converted.account_id,
            "contact": converted.contact_id,
            "opportunity": converted.opportunity_id,
        }

    def _hard_delete(self, given: Mapping[str, object]) -> Mapping[str, object]:
        """``{"object": "Contact", "ids": [...]}``: out of the recycle bin, or past it."""
        name, ids = text(given, "object"), texts(given, "ids")
        results = self.org.commit([Write("hard_delete", name, one, {}) for one in ids], self._user)
        return {"deleted": sum(result.success for result in results)}


def _optional_id(given: Mapping[str, object], name: str) -> str | None:
    return to_18(text(given, name)) if name in given else None


def _acting(action: _Action) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        try:
            return answer(request, action(await arguments(request)))
        except _REFUSALS as error:
            return refusal(request, str(error))

    return handle
