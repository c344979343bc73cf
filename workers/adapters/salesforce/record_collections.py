"""Many records in one call: sObject Collections (REST API Developer Guide)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, RootModel

from schemas.events import Entity
from workers.adapters.salesforce.api import Api
from workers.adapters.salesforce.http import parsed
from workers.adapters.salesforce.names import DATA_PATH, OBJECT_NAME
from workers.ports import RowOutcome, Unavailable

COLLECTIONS = f"{DATA_PATH}/composite/sobjects"


class _Error(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    statusCode: str  # noqa: N815 - Salesforce's spelling
    message: str = ""
    fields: list[str] = []

    @property
    def told(self) -> str:
        """As the result files of Bulk API 2.0 tell it."""
        return f"{self.statusCode}:{self.message}:{','.join(self.fields)} --"


class _Saved(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    success: bool
    errors: list[_Error] = []


class _AllSaved(RootModel[list[_Saved]]):
    model_config = ConfigDict(hide_input_in_errors=True)


class _Records(RootModel[list[dict[str, Any] | None]]):
    model_config = ConfigDict(hide_input_in_errors=True)


class Collections:
    def __init__(self, api: Api) -> None:
        self._api = api

    async def current_values(
        self, entity: Entity, record_ids: Sequence[str], names: Sequence[str]
    ) -> dict[str, dict[str, Any]]:
        path = f"{COLLECTIONS}/{OBJECT_NAME[entity]}"
        body = {"ids": list(record_ids), "fields": ["Id", *names]}
        found = parsed(_Records, await self._api.ask_json(path, body), path).root
        return {str(record["Id"]): record for record in found if record is not None}

    async def update_records(
        self, entity: Entity, rows: Sequence[Mapping[str, str | float | None]]
    ) -> list[RowOutcome]:
        kind = {"attributes": {"type": OBJECT_NAME[entity]}}
        body = {"allOrNone": False, "records": [{**kind, **row} for row in rows]}
        saved = parsed(_AllSaved, await self._api.patch_json_once(COLLECTIONS, body), COLLECTIONS).root
        if len(saved) != len(rows):
            raise Unavailable(f"{COLLECTIONS} tells of {len(saved)} records instead of {len(rows)}")
        return [RowOutcome(str(row["Id"]), _error(each)) for row, each in zip(rows, saved, strict=True)]


def _error(saved: _Saved) -> str | None:
    if saved.success:
        return None
    return saved.errors[0].told if saved.errors else "UNKNOWN_EXCEPTION:no explanation: --"
