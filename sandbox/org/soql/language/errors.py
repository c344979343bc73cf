"""The errors a query answers with, in Salesforce's words and position form."""

from __future__ import annotations

CUSTOM_FIELD_HINT = (
    "If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. "
    "Please reference your WSDL or the describe call for the appropriate names."
)
CUSTOM_ENTITY_HINT = (
    "If you are attempting to use a custom object, be sure to append the '__c' after the entity name. "
    "Please reference your WSDL or the describe call for the appropriate names."
)


class SoqlError(Exception):
    """A query that Salesforce refuses; `error_code` and `message` go on the wire as they are."""

    def __init__(self, error_code: str, message: str) -> None:
        super().__init__(f"{error_code}: {message}")
        self.error_code = error_code
        self.message = message


def at_position(text: str, offset: int, detail: str) -> str:
    """The query line, a caret under `offset`, `ERROR at Row:r:Column:c` and the detail (recorded form)."""
    before = text[:offset]
    row = before.count("\n") + 1
    line_start = before.rfind("\n") + 1
    line = text[line_start:].split("\n", 1)[0]
    column = offset - line_start + 1
    return f"\n{line}\n{' ' * (column - 1)}^\nERROR at Row:{row}:Column:{column}\n{detail}"


def malformed(text: str, offset: int, detail: str) -> SoqlError:
    return SoqlError("MALFORMED_QUERY", at_position(text, offset, detail))


def unknown_column(text: str, offset: int, column: str, entity: str) -> SoqlError:
    detail = f"No such column '{column}' on entity '{entity}'. {CUSTOM_FIELD_HINT}"
    return SoqlError("INVALID_FIELD", at_position(text, offset, detail))


def _not_understood(relationship: str, place: str) -> str:
    return (
        f"Didn't understand relationship '{relationship}' in {place}. If you are attempting to use a custom "
        "relationship, be sure to append the '__r' after the custom relationship name. "
        "Please reference your WSDL or the describe call for the appropriate names."
    )


def unknown_relationship(text: str, offset: int, relationship: str) -> SoqlError:
    detail = _not_understood(relationship, "field path")
    return SoqlError("INVALID_FIELD", at_position(text, offset, detail))


def unsupported_type(text: str, offset: int, entity: str) -> SoqlError:
    detail = f"sObject type '{entity}' is not supported. {CUSTOM_ENTITY_HINT}"
    return SoqlError("INVALID_TYPE", at_position(text, offset, detail))


def wrong_literal_type(text: str, offset: int, field: str, expected: str, *, quoted: bool) -> SoqlError:
    advice = "should be enclosed in quotes" if quoted else "should not be enclosed in quotes"
    detail = f"value of filter criterion for field '{field}' must be of type {expected} and {advice}"
    return SoqlError("INVALID_FIELD", at_position(text, offset, detail))


def unknown_child_relationship(text: str, offset: int, relationship: str) -> SoqlError:
    detail = _not_understood(relationship, "FROM part of query call")
    return SoqlError("INVALID_TYPE", at_position(text, offset, detail))
