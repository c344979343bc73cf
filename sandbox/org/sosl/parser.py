"""Text to a search: what is looked for, in which fields, and what is returned of which objects."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from lark import Lark, Token, Tree, UnexpectedInput, UnexpectedToken

FieldGroup = Literal["ALL", "NAME", "EMAIL", "PHONE", "SIDEBAR"]
GROUPS: tuple[FieldGroup, ...] = ("ALL", "NAME", "EMAIL", "PHONE", "SIDEBAR")
# SOQL and SOSL Reference, "SOSL Limits": rows of one answer.
MAX_ROWS = 2_000
_CLAUSE = re.compile(r"\b(USING|WHERE|ORDER\s+BY|LIMIT|OFFSET)\b", re.IGNORECASE)


class SearchError(Exception):
    """A search that is refused; `code` and the text go on the wire as they are."""

    def __init__(self, message: str, code: str = "MALFORMED_SEARCH") -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Returning:
    """Fields of an object, and the clauses of SOQL that pick and sort its records."""

    object_name: str
    fields: tuple[str, ...] = ("Id",)
    clauses: str = ""

    @property
    def soql(self) -> str:
        return f"SELECT {', '.join(self.fields)} FROM {self.object_name} {self.clauses}"  # noqa: S608 (rows in memory)


@dataclass(frozen=True, slots=True)
class Search:
    """`returning` is empty when all searchable objects are meant."""

    term: str
    group: FieldGroup = "ALL"
    returning: tuple[Returning, ...] = ()
    limit: int = MAX_ROWS


def parse(text: str) -> Search:
    """Raises SearchError MALFORMED_SEARCH."""
    if not re.match(r"\s*FIND\s*\{", text, re.IGNORECASE):
        raise SearchError("No search term found. The search term must be enclosed in braces.")
    try:
        tree = _grammar().parse(text)
    except UnexpectedInput as error:
        raise SearchError(f"unexpected token: '{_found(text, error)}'") from None
    except RecursionError:
        raise SearchError("the search is too complicated") from None
    term, group, limit = "", "ALL", str(MAX_ROWS)
    returning: list[Returning] = []
    for child in tree.children:
        if isinstance(child, Tree):
            returning += [_returning(text, child)] if child.data == "object" else []
        elif isinstance(child, Token):
            term = child[1:-1] if child.type == "TERM" else term
            group = child.split()[0].upper() if child.type == "GROUP" else group
            limit = str(child) if child.type == "WHOLE" else limit
    known = next(one for one in GROUPS if one == group)
    return Search(term, known, tuple(returning), min(int(limit), MAX_ROWS))


def _found(text: str, error: UnexpectedInput) -> str:
    if isinstance(error, UnexpectedToken) and error.token.type == "$END":
        return "<EOF>"
    found = re.match(r"\w+|.", text[error.pos_in_stream or 0 :], re.DOTALL)
    return found[0] if found else "<EOF>"


@lru_cache(maxsize=1)
def _grammar() -> Lark:
    source = Path(__file__).with_name("grammar.lark").read_text(encoding="utf-8")
    return Lark(source, parser="lalr", maybe_placeholders=True, propagate_positions=True)


def _returning(text: str, tree: Tree[Token]) -> Returning:
    name, body = tree.children
    if not isinstance(body, Tree):
        return Returning(str(name))
    inside = text[body.meta.start_pos + 1 : body.meta.end_pos - 1]
    clause = _CLAUSE.search(inside)
    fields = inside if clause is None else inside[: clause.start()]
    names = tuple(one.strip() for one in fields.split(",") if one.strip())
    return Returning(str(name), names or ("Id",), "" if clause is None else inside[clause.start() :])
