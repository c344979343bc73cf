"""What may stand behind the question mark. A name that nothing knows is refused: no filter is lost to a typo."""

from __future__ import annotations

from typing import Annotated, Self

from aiohttp import web
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from schemas.documents import RowOutcomeName
from schemas.events import RecordId
from workers.core.normalize import MalformedValue, long_id


class BadQuery(Exception):
    """Names the parameter and what is wrong with it."""


def _long(text: str) -> str:
    try:
        return long_id(text)
    except MalformedValue as error:
        raise ValueError(str(error)) from None


class Query(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def of(cls, request: web.Request) -> Self:
        """Raises BadQuery."""
        twice = [name for name in set(request.query) if len(request.query.getall(name)) > 1]
        if twice:
            raise BadQuery(f"{min(twice)}: given twice")
        try:
            return cls.model_validate(dict(request.query))
        except ValidationError as error:
            raise BadQuery("; ".join(f"{each['loc'][0]}: {_worded(each['msg'])}" for each in error.errors())) from None


def _worded(message: str) -> str:
    message = message.removeprefix("Value error, ")
    return "there is no such parameter" if message.startswith("Extra") else message[:1].lower() + message[1:]


class RunsQuery(Query):
    page: Annotated[str, StringConstraints(pattern=r"^\d{1,15}:.{1,80}$")] | None = Field(
        None, description="`next` of the page before."
    )
    limit: int = Field(30, ge=1, le=100, description="Runs of a page.")

    @property
    def before(self) -> tuple[int, str] | None:
        if self.page is None:
            return None
        at_ms, _, run_id = self.page.partition(":")
        return int(at_ms), run_id


class RowsQuery(Query):
    outcome: RowOutcomeName | None = Field(None, description="Only rows with this outcome.")
    code: str | None = Field(None, max_length=120, description="Only rows with this code of Salesforce.")
    record: Annotated[str, AfterValidator(_long)] | None = Field(
        None, description="Only this record, by its id of 15 or 18 characters."
    )
    page: RecordId | None = Field(None, description="`next` of the page before.")
    limit: int = Field(200, ge=1, le=1000, description="Rows of a page; CSV has no pages.")
