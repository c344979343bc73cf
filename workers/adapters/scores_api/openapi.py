"""The scores API as an OpenAPI document: bodies and parameters from the models that are used, limits from the code that
keeps them."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from schemas.documents import Scope
from schemas.events import Score
from schemas.reports import RowReport, RunReport
from workers.adapters.scores_api.queries import Query, RowsQuery, RunsQuery
from workers.core.intake import BODY_BYTES, ROWS

Schema = dict[str, Any]

DESCRIPTION = (
    f"Hand in engagement scores, and read what became of them in Salesforce. At most {ROWS:,} rows and {BODY_BYTES:,} "
    "bytes a request. Rows at fault are told one by one and the others are taken. Of several scores of one person or "
    "account the latest `scored_at_ms` counts, so sending rows again is harmless. 202 is answered once the rows are "
    "stored in Kafka; they are written to Salesforce by the team's next run."
)

MEANINGS = {
    "subject": "Whether the score is of a person or of an account.",
    "key": "E-mail address of a person, domain or website of an account.",
    "score": "A finite number of at most 16 digits before the point.",
    "last_engagement_at_ms": "Milliseconds since 1970, not in the future; the date of it (UTC) is written.",
    "scored_at_ms": "When the score was made, in milliseconds since 1970, not in the future.",
}

TEAM: Schema = {"name": "team", "in": "path", "required": True, "schema": {"type": "string"}}
RUN: Schema = {"name": "run", "in": "path", "required": True, "schema": {"type": "string"}}
RUNS = "/v1/teams/{team}/writeback/runs"


def document() -> Schema:
    return {
        "openapi": "3.1.0",
        "info": {"title": "Segment Sync scores", "version": "1", "description": DESCRIPTION},
        "paths": {
            "/v1/teams/{team}/scores": {"post": _post()},
            RUNS: {"get": _runs()},
            f"{RUNS}/{{run}}": {"get": _run()},
            f"{RUNS}/{{run}}/rows": {"get": _rows()},
        },
        "components": {"schemas": _schemas(), "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


def _schemas() -> Schema:
    _, made = models_json_schema(
        [(RunReport, "serialization"), (RowReport, "serialization")], ref_template="#/components/schemas/{model}"
    )
    more = {"type": ["string", "null"], "description": "`page` of the page that follows; null after the last."}
    return {
        "Score": _score(),
        "Receipt": _receipt(),
        "Error": _object({"error": {"type": "string"}}),
        **made["$defs"],
        "Runs": _object({"runs": {"type": "array", "items": _ref("RunReport")}, "next": more}),
        "Rows": _object({"rows": {"type": "array", "items": _ref("RowReport")}, "next": more}),
    }


def _post() -> Schema:
    rows = {"type": "array", "maxItems": ROWS, "items": _ref("Score")}
    return {
        **_operation("handInScores", "scores:write", TEAM),
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": rows}, "application/x-ndjson": {"schema": _ref("Score")}},
        },
        "responses": _refusals("scores:write")
        | {
            "202": _reply("The good rows are stored.", "Receipt"),
            "400": _reply("The body is no JSON array.", "Error"),
            "408": _reply("The body came too slowly.", "Error"),
            "413": _reply("Too many rows or bytes.", "Error"),
            "415": _reply("Neither JSON nor NDJSON.", "Error"),
            "422": _reply("Every row is at fault.", "Receipt"),
            "503": _reply("Not stored for sure: send the same rows again.", "Error"),
        },
    }


def _runs() -> Schema:
    return {
        **_operation("listRuns", "writeback:read", TEAM, *_parameters(RunsQuery)),
        "summary": "Runs that wrote scores to Salesforce, latest first.",
        "responses": _refusals("writeback:read")
        | {"200": _reply("A page of runs.", "Runs"), "400": _reply("A parameter is wrong.", "Error")},
    }


def _run() -> Schema:
    return {
        **_operation("getRun", "writeback:read", TEAM, RUN),
        "summary": "All figures of a run; while it goes on, those so far.",
        "responses": _refusals("writeback:read")
        | {"200": _reply("The run.", "RunReport"), "404": _reply("The team has no such run.", "Error")},
    }


def _rows() -> Schema:
    page = _reply("A page of rows as they were sent; with `Accept: text/csv` all of them as a table.", "Rows")
    page["content"]["text/csv"] = {"schema": {"type": "string"}}
    return {
        **_operation("listRows", "writeback:read", TEAM, RUN, *_parameters(RowsQuery)),
        "summary": "What became of each record in a run, and what to do about those that were rejected.",
        "responses": _refusals("writeback:read")
        | {
            "200": page,
            "400": _reply("A parameter is wrong.", "Error"),
            "404": _reply("The team has no such run.", "Error"),
        },
    }


def _operation(name: str, scope: Scope, *parameters: Schema) -> Schema:
    return {
        "operationId": name,
        "description": f"Needs a token with the scope `{scope}`.",
        "security": [{"token": [scope]}],
        "parameters": list(parameters),
    }


def _refusals(scope: Scope) -> Schema:
    return {
        "401": _reply("No valid token for this team.", "Error"),
        "403": _reply(f"The token has not the scope {scope}.", "Error"),
        "503": _reply("Not available now: try again.", "Error"),
    }


def _parameters(query: type[Query]) -> list[Schema]:
    properties = query.model_json_schema()["properties"]
    return [
        {"name": name, "in": "query", "description": of["description"], "schema": _bare(of)}
        for name, of in properties.items()
    ]


def _bare(of: Schema) -> Schema:
    """Of one parameter: it is there or not, and never null."""
    (kind,) = [each for each in of.get("anyOf", [of]) if each.get("type") != "null"]
    shown = kind | ({"default": of["default"]} if of.get("default") is not None else {})
    return {name: value for name, value in shown.items() if name not in ("title", "description")}


def _score() -> Schema:
    """As on the topic, but for the team, which the address names."""
    schema = Score.model_json_schema()
    properties = {name: of for name, of in schema["properties"].items() if name != "team"}
    for name, meaning in MEANINGS.items():
        properties[name] = properties[name] | {"description": meaning}
    required = [name for name in schema["required"] if name != "team"]
    return {"type": "object", "properties": properties, "required": required}


def _receipt() -> Schema:
    error = _object({"row": {"type": "integer"}, "key": {"type": "string"}, "reason": {"type": "string"}})
    count = {"type": "integer", "minimum": 0}
    return _object({"accepted": count, "rejected": count, "errors": {"type": "array", "items": error}})


def _object(properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _ref(schema: str) -> Schema:
    return {"$ref": f"#/components/schemas/{schema}"}


def _reply(meaning: str, schema: str) -> Schema:
    return {"description": meaning, "content": {"application/json": {"schema": _ref(schema)}}}
