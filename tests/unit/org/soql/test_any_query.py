"""Whatever text is asked gets an answer or Salesforce's refusal, soon."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.query.api import RecordRenderer
from sandbox.org.seeding.fill import seed
from sandbox.org.soql.execute import run
from sandbox.org.soql.language.errors import SoqlError
from sandbox.org.store.org import Org

QUERIES = 1_500
PATHS = [
    "Id",
    "Name",
    "Email",
    "CreatedDate",
    "Account.Name",
    "Account.Owner.Alias",
    "Account.AnnualRevenue",
    "Account.NumberOfEmployees",
    "IsDeleted",
    "Birthdate",
    "LeadSource",
    "AccountId",
    "MailingAddress",
    "Description",
    "Nope",
    "c.Name",
]
FUNCTIONS = [
    "COUNT",
    "COUNT_DISTINCT",
    "SUM",
    "AVG",
    "MIN",
    "MAX",
    "toLabel",
    "FORMAT",
    "CALENDAR_YEAR",
    "HOUR_IN_DAY",
    "DAY_ONLY",
    "FIELDS",
    "NOPE",
]
LITERALS = [
    "'x'",
    "'%a%'",
    "''",
    "null",
    "true",
    "5",
    "1e999",
    "2026-01-01",
    "9999-99-99",
    "2026-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "TODAY",
    "LAST_N_DAYS:3",
    "NEXT_N_DAYS:999999999",
    "N_FISCAL_YEARS_AGO:9",
    "LAST_N_YEARS:9999",
    "USD5",
]
OBJECTS = ["Contact", "Contact", "Contact", "Contacts", "Account", "Nope"]


class Scribe:
    """Writes queries that are right in parts."""

    def __init__(self, number: int) -> None:
        self._rng = random.Random(number)

    def often(self, share: float, text: str) -> str:
        return text if self._rng.random() < share else ""

    def expression(self, depth: int = 0) -> str:
        if depth > 2 or self._rng.random() < 0.7:
            return self._rng.choice(PATHS)
        return f"{self._rng.choice(FUNCTIONS)}({self.often(0.9, self.expression(depth + 1))})"

    def condition(self, depth: int = 0) -> str:
        kind = self._rng.randrange(5) if depth < 3 else 4
        if kind == 0:
            return f"({self.condition(depth + 1)} {self._rng.choice(['AND', 'OR'])} {self.condition(depth + 1)})"
        if kind == 1:
            return f"NOT {self.condition(depth + 1)}"
        if kind == 2:
            return f"{self.expression()} {self._rng.choice(['IN', 'NOT IN'])} ({self.query(depth + 2)})"
        if kind == 3:
            return f"{self.expression()} INCLUDES ({self._rng.choice(LITERALS)}, {self._rng.choice(LITERALS)})"
        operator = self._rng.choice(["=", "!=", "<", ">=", "LIKE"])
        return f"{self.expression()} {operator} {self._rng.choice(LITERALS)}"

    def query(self, depth: int = 0) -> str:
        child = f", ({self.query(depth + 1)})" if depth < 2 and self._rng.random() < 0.1 else ""
        source = self._rng.choice(OBJECTS) + self.often(0.1, " c")
        text = f"SELECT {self.expression()}{child} FROM {source}"  # noqa: S608
        text += self.often(0.4, f" WHERE {self.condition(depth)}")
        text += self.often(0.3, f" GROUP BY {self.expression()}")
        text += self.often(0.1, f" HAVING {self.condition(depth)}")
        text += self.often(0.4, f" ORDER BY {self.expression()} DESC NULLS LAST")
        return text + self.often(0.3, " LIMIT 3")

    def broken(self, text: str) -> str:
        place = self._rng.randrange(len(text))
        return text[:place] + self._rng.choice(["'", "(", ")", ",", "\\", ":", "é", "\0"]) + text[place + 1 :]


@pytest.fixture(scope="module")
def org() -> Org:
    org = Org(OrgConfig(contacts=30, accounts=15))
    seed(org)
    return org


def test_every_text_gets_an_answer_or_a_refusal(org: Org) -> None:
    answered = 0
    for number in range(QUERIES):
        scribe = Scribe(number)
        text = scribe.query()
        with suppress(SoqlError):
            selection = run(org, text if number % 5 else scribe.broken(text), org.admin_user_id)
            for row in selection.rows if not selection.query.counts_only else ():
                RecordRenderer(org, selection, "62.0").record(row)
            answered += 1
    assert answered > QUERIES / 20


def test_no_pattern_takes_long(org: Org) -> None:
    org.load("Account", [{"Name": "a" * 255}])
    pattern = "%a" * 120 + "%b"
    assert not run(org, f"SELECT Id FROM Account WHERE Name LIKE '{pattern}'", org.admin_user_id).rows  # noqa: S608
