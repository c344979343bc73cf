"""The org's own query of a list, made to tell ids.

A list view's describe result has the list as SOQL: `SELECT Name, ... FROM Lead USING SCOPE mine WHERE ... ORDER BY ...`
(REST API Developer Guide, "List View Describe"). Its conditions are taken over as they stand: this is the way out where
we do not understand them.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import quote

from workers.core.capture.snapshots import REST_QUERY_CHARACTERS

MOST_IDS = 200
"""Ids in one query: 5,400 of the 12,000 characters that it may have in a URL."""

ID_CHARACTERS = len(quote("'003000000000000AAA',"))

TEXT = re.compile(r"'(?:\\.|[^'\\])*'")
SOURCE = re.compile(r"[A-Za-z]\w*(?:\s+USING\s+SCOPE\s+\w+)?", re.IGNORECASE)
CLAUSE = re.compile(r"\b(FROM|WHERE|WITH|GROUP\s+BY|ORDER\s+BY|LIMIT|OFFSET)\b", re.IGNORECASE)


class NoQuery(ValueError):
    """The list's query is not of the form that ids can be asked with."""


@dataclass(frozen=True, slots=True)
class ListQuery:
    source: str
    """What stands between FROM and WHERE."""
    where: str = ""

    @property
    def ids(self) -> str:
        """Of all that the list holds."""
        return f"SELECT Id FROM {self.source}" + (f" WHERE {self.where}" if self.where else "")  # noqa: S608

    @property
    def count(self) -> str:
        return self.ids.replace("Id", "count()", 1)

    @property
    def most_ids(self) -> int:
        """How many `among` can take; none where the conditions alone are too long for a URL."""
        left = REST_QUERY_CHARACTERS - len(quote(self.among(())))
        return max(0, min(MOST_IDS, left // ID_CHARACTERS))

    def among(self, record_ids: Collection[str]) -> str:
        """Of these records. The list's conditions are in parentheses, since they may be joined by OR."""
        quoted = ",".join(f"'{record_id}'" for record_id in record_ids)
        conditions = f"({self.where}) AND " if self.where else ""
        return f"SELECT Id FROM {self.source} WHERE {conditions}Id IN ({quoted})"  # noqa: S608


def list_query(soql: str) -> ListQuery:
    """Raises NoQuery.

    >>> list_query("SELECT Name FROM Lead WHERE City = 'a WHERE' OR City = null ORDER BY Name ASC").among(["00Q1"])
    "SELECT Id FROM Lead WHERE (City = 'a WHERE' OR City = null) AND Id IN ('00Q1')"
    """
    clauses = [(found.group(1).upper().split()[0], found) for found in CLAUSE.finditer(_outline(soql))]
    ends = [*(found.start() for _, found in clauses[1:]), len(soql)]
    parts = {name: soql[found.end() : end].strip() for (name, found), end in zip(clauses, ends, strict=False)}
    source = parts.get("FROM", "")
    if not clauses or clauses[0][0] != "FROM" or not SOURCE.fullmatch(source) or set(parts) & {"WITH", "GROUP"}:
        raise NoQuery("Salesforce gives no query of the list that could be asked for single records")
    return ListQuery(source, parts.get("WHERE", ""))


def _outline(soql: str) -> str:
    """The same text with dots for what stands in quotes or parentheses."""
    unquoted = TEXT.sub(lambda text: "." * len(text.group()), soql)
    depth, outline = 0, []
    for character in unquoted:
        depth += character == "("
        outline.append(character if depth == 0 else ".")
        depth -= character == ")"
    return "".join(outline)
