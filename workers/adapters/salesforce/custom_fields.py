"""Creates the custom fields that insights are written to (Tooling API, `CustomField`)."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from schemas.events import Entity
from workers.adapters.salesforce.api import Api
from workers.adapters.salesforce.http import parsed
from workers.adapters.salesforce.names import DATA_PATH, OBJECT_NAME
from workers.ports import Refused

SCORE = {"type": "Number", "precision": 18, "scale": 2, "description": "Written by Segment Sync"}
DATE = {"type": "Date", "description": "Written by Segment Sync"}

OWN_PERMISSION_SET = (
    "SELECT PermissionSetId FROM PermissionSetAssignment "
    "WHERE PermissionSet.IsOwnedByProfile = true AND AssigneeId = '{user}'"
)


class _Rows(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    records: list[dict[str, Any]]


class CustomFields:
    def __init__(self, api: Api) -> None:
        self._api = api

    async def create_insight_field(self, entity: Entity, name: str, kind: str, user_id: str) -> None:
        """Create it and let the connected user's profile read and edit it: a field made by API is shown to nobody.

        Raises Refused when the user may not customize the application.
        """
        full_name = f"{OBJECT_NAME[entity]}.{name}"
        label = name.removesuffix("__c").replace("_", " ")
        metadata = {"label": label, **(SCORE if kind == "score" else DATE)}
        await self._api.post_json(
            f"{DATA_PATH}/tooling/sobjects/CustomField", {"FullName": full_name, "Metadata": metadata}
        )
        await self._api.post_json(
            f"{DATA_PATH}/sobjects/FieldPermissions",
            {
                "ParentId": await self._own_permission_set(user_id),
                "SobjectType": OBJECT_NAME[entity],
                "Field": full_name,
                "PermissionsRead": True,
                "PermissionsEdit": True,
            },
        )

    async def _own_permission_set(self, user_id: str) -> str:
        path = f"{DATA_PATH}/query"
        soql = OWN_PERMISSION_SET.format(user=user_id)
        rows = parsed(_Rows, await self._api.get(path, {"q": soql}), path).records
        if not rows:
            raise Refused("the connected user has no profile whose field permissions could be set")
        return str(rows[0]["PermissionSetId"])
