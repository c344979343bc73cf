"""The scores API as an OpenAPI document: rows from the topic's contract, limits from the code that keeps them."""

from __future__ import annotations

from typing import Any

from schemas.events import Score
from workers.core.intake import BODY_BYTES, ROWS

Schema = dict[str, Any]

DESCRIPTION = (
    f"Hand in engagement scores. At most {ROWS:,} rows and {BODY_BYTES:,} bytes a request. Rows at fault are told one "
    "by one and the others are taken. Of several scores of one person or account the latest `scored_at_ms` counts, "
    "so sending rows again is harmless. 202 is answered once the rows are stored in Kafka."
)

MEANINGS = {
    "subject": "Whether the score is of a person or of an account.",
    "key": "E-mail address of a person, domain or website of an account.",
    "score": "A finite number of at most 16 digits before the point.",
    "last_engagement_at_ms": "Milliseconds since 1970, not in the future; the date of it (UTC) is written.",
    "scored_at_ms": "When the score was made, in milliseconds since 1970, not in the future.",
}


def document() -> Schema:
    return {
        "openapi": "3.1.0",
        "info": {"title": "Segment Sync scores", "version": "1", "description": DESCRIPTION},
        "paths": {"/v1/teams/{team}/scores": {"post": _post()}},
        "components": {
            "schemas": {"Score": _score(), "Receipt": _receipt(), "Error": _object({"error": {"type": "string"}})},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _post() -> Schema:
    rows = {"type": "array", "maxItems": ROWS, "items": {"$ref": "#/components/schemas/Score"}}
    return {
        "operationId": "handInScores",
        "security": [{"token": []}],
        "parameters": [{"name": "team", "in": "path", "required": True, "schema": {"type": "string"}}],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": rows},
                "application/x-ndjson": {"schema": {"$ref": "#/components/schemas/Score"}},
            },
        },
        "responses": {
            "202": _reply("The good rows are stored.", "Receipt"),
            "400": _reply("The body is no JSON array.", "Error"),
            "401": _reply("No valid token for this team.", "Error"),
            "408": _reply("The body came too slowly.", "Error"),
            "413": _reply("Too many rows or bytes.", "Error"),
            "415": _reply("Neither JSON nor NDJSON.", "Error"),
            "422": _reply("Every row is at fault.", "Receipt"),
            "503": _reply("Not stored for sure: send the same rows again.", "Error"),
        },
    }


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


def _reply(meaning: str, schema: str) -> Schema:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": meaning, "content": content}
