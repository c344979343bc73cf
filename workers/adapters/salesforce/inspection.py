"""What the connected user may do in the org, as far as the org lets him know."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, RootModel, StringConstraints

from schemas.events import ENTITIES, Entity
from workers.adapters.salesforce.api import Api
from workers.adapters.salesforce.errors import SalesforceRefused
from workers.adapters.salesforce.http import parsed
from workers.adapters.salesforce.names import DATA_PATH, OBJECT_NAME
from workers.core.budget import Allowance
from workers.core.preflight import ObjectAccess
from workers.ports import Habits

UNKNOWN_TO_US = frozenset({"INVALID_TYPE", "INSUFFICIENT_ACCESS", "FORBIDDEN", "NOT_FOUND", "INVALID_FIELD"})
"""Answers to a user without 'View Setup and Configuration': he may not know, which is not "there is none"."""

EVENT = "ChangeEvent"

SELECTED = "SELECT SelectedEntity FROM PlatformEventChannelMember WHERE EventChannel = 'ChangeEvents'"
VIEW_ALL_DATA = (
    "SELECT PermissionsViewAllData FROM PermissionSet "
    "WHERE Id IN (SELECT PermissionSetId FROM PermissionSetAssignment WHERE AssigneeId = '{user}')"
)
FISCAL_YEAR = "SELECT FiscalYearStartMonth, TimeZoneSidKey FROM Organization"
OBJECT_PERMISSIONS = (
    "SELECT SobjectType, PermissionsRead, PermissionsViewAllRecords FROM ObjectPermissions "
    "WHERE SobjectType IN ('Contact', 'Lead', 'Account') "
    "AND ParentId IN (SELECT PermissionSetId FROM PermissionSetAssignment WHERE AssigneeId = '{user}')"
)
"""A profile's permissions are those of a permission set that is assigned to its users as well (Object Reference,
PermissionSet, "IsOwnedByProfile")."""

DAILY_BATCHES = "DailyBulkApiBatches"
"""Of 10,000 records at most; Bulk API 2.0 makes them by itself out of what an update job holds."""

T = TypeVar("T")


class _Reply(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)


class _Limit(_Reply):
    Max: int
    Remaining: int


class _Limits(RootModel[dict[str, _Limit]]):
    model_config = ConfigDict(hide_input_in_errors=True)


class _Rows(_Reply):
    records: list[dict[str, Any]]


class _UserInfo(_Reply):
    user_id: Annotated[str, StringConstraints(pattern=r"^005[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?$")]
    zoneinfo: str = "UTC"
    locale: str = "en_US"


class Inspection:
    """None wherever the user may not know."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def allowances(self) -> dict[str, Allowance] | None:
        """The org's limits by name. Some entries nest others by app, which are left out."""
        return await _known(self._allowances())

    async def batches_left(self, ours_today: int) -> int | None:
        told = await self.allowances()
        return self._api.meter.left_of(told.get(DAILY_BATCHES), ours_today) if told is not None else None

    async def selected_for_events(self) -> frozenset[str] | None:
        """Objects with Change Data Capture."""
        return await _known(self._selected())

    async def object_access(self) -> dict[Entity, ObjectAccess] | None:
        """From the user's profile and permission sets."""
        return await _known(self._access())

    async def habits(self) -> Habits:
        user = await self._user()
        rows = await self._rows(f"{DATA_PATH}/query", FISCAL_YEAR)
        org = rows[0]
        return Habits(
            user.user_id,
            user.zoneinfo,
            user.locale,
            int(org["FiscalYearStartMonth"] or 1),
            str(org["TimeZoneSidKey"] or "UTC"),
        )

    async def _user(self) -> _UserInfo:
        path = "/services/oauth2/userinfo"
        return parsed(_UserInfo, await self._api.get(path), path)

    async def _allowances(self) -> dict[str, Allowance]:
        path = f"{DATA_PATH}/limits"
        limits = parsed(_Limits, await self._api.get(path), path).root
        return {name: Allowance(limit.Max, limit.Remaining) for name, limit in limits.items()}

    async def _selected(self) -> frozenset[str]:
        rows = await self._rows(f"{DATA_PATH}/tooling/query", SELECTED)
        return frozenset(str(row["SelectedEntity"]).removesuffix(EVENT) for row in rows)

    async def _access(self) -> dict[Entity, ObjectAccess]:
        user = (await self._user()).user_id
        permission_sets = await self._rows(f"{DATA_PATH}/query", VIEW_ALL_DATA.format(user=user))
        permissions = await self._rows(f"{DATA_PATH}/query", OBJECT_PERMISSIONS.format(user=user))
        everything = any(row["PermissionsViewAllData"] for row in permission_sets)
        return {entity: _access_to(entity, permissions, everything) for entity in ENTITIES}

    async def _rows(self, path: str, soql: str) -> list[dict[str, Any]]:
        """One page: a user has at most 1,000 permission sets, a page holds 2,000 rows."""
        return parsed(_Rows, await self._api.get(path, {"q": soql}), path).records


async def _known(asked: Awaitable[T]) -> T | None:
    try:
        return await asked
    except SalesforceRefused as error:
        if error.code in UNKNOWN_TO_US:
            return None
        raise


def _access_to(entity: Entity, permissions: list[dict[str, Any]], everything: bool) -> ObjectAccess:
    rows = [row for row in permissions if row["SobjectType"] == OBJECT_NAME[entity]]
    return ObjectAccess(
        read=everything or any(row["PermissionsRead"] for row in rows),
        view_all=everything or any(row["PermissionsViewAllRecords"] for row in rows),
    )
