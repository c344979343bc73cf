"""What SOQL means (salesforce-answers 5.1 and 5.2)."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.conformance.org.conftest import Caller


@pytest.fixture
async def rows(call: Caller) -> None:
    """Four leads that differ in what the conditions below look at."""
    day = dt.date(2026, 6, 15)
    samples: list[dict[str, object]] = [
        {"LastName": "Alpha", "Title": "CEO", "Rating": "Hot", "AnnualRevenue": 10, "Email": "a@soql.example"},
        {"LastName": "beta", "Title": "ceo", "Rating": "Warm", "AnnualRevenue": 20, "Email": "b@soql.example"},
        {"LastName": "Gamma_1", "Title": "100% sure", "AnnualRevenue": 30, "Email": "c@soql.example"},
        {"LastName": "Delta'x", "Email": "d@soql.example"},
    ]
    call.org.org.load(
        "Lead", [one | {"Company": "SOQL", "EmailBouncedDate": f"{day}T10:00:00.000+0000"} for one in samples]
    )


async def names(call: Caller, condition: str, tail: str = "") -> list[str]:
    reply = await call.query(f"SELECT LastName FROM Lead WHERE Company = 'SOQL' AND ({condition}) {tail}")  # noqa: S608
    assert reply.status == 200, reply.text
    return [row["LastName"] for row in reply.json["records"]]


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("Title = 'CEO'", "Alpha beta"),  # strings compare without regard to case
        ("LastName = 'BETA'", "beta"),
        ("Title = null", "Delta'x"),
        ("Title != null", "Alpha beta Gamma_1"),
        ("Title != 'ceo'", "Gamma_1 Delta'x"),  # null matches: the recommended reading
        ("Title <> 'ceo'", "Gamma_1 Delta'x"),
        ("NOT Title = 'ceo'", "Gamma_1 Delta'x"),
        ("Title NOT IN ('ceo')", "Gamma_1 Delta'x"),
        ("(NOT Title LIKE 'ce%')", "Gamma_1 Delta'x"),
        ("LastName LIKE 'gamma\\_%'", "Gamma_1"),
        ("LastName LIKE '_eta'", "beta"),
        ("Title LIKE '%\\%%'", "Gamma_1"),
        ("LastName = 'Delta\\'x'", "Delta'x"),
        ("LastName = '\\u0041lpha'", "Alpha"),
        ("AnnualRevenue > 10", "beta Gamma_1"),
        ("AnnualRevenue < 25", "Alpha beta"),  # null is never less
        ("AnnualRevenue = null OR Rating = 'Hot'", "Alpha Delta'x"),
        ("Rating IN ('Hot', 'Warm')", "Alpha beta"),
        ("HasOptedOutOfEmail = false", "Alpha beta Gamma_1 Delta'x"),  # a checkbox is never null
        ("ConvertedAccount.Name = null", "Alpha beta Gamma_1 Delta'x"),  # a missing parent
        ("EmailBouncedDate = 2026-06-15T10:00:00Z", "Alpha beta Gamma_1 Delta'x"),
        ("EmailBouncedDate > 2026-06-15T12:00:00+02:00", ""),
        ("CreatedDate = TODAY", "Alpha beta Gamma_1 Delta'x"),
        ("CreatedDate = LAST_N_DAYS:1", "Alpha beta Gamma_1 Delta'x"),  # today counts
        ("CreatedDate = NEXT_N_DAYS:5", ""),  # starts tomorrow
        ("CreatedDate = LAST_N_WEEKS:1", ""),  # without this week
        ("CreatedDate > YESTERDAY", "Alpha beta Gamma_1 Delta'x"),  # after the end of the range
        ("CreatedDate < TODAY", ""),  # before its start
        ("Id IN (SELECT LeadId FROM CampaignMember)", ""),
    ],
)
async def test_conditions(call: Caller, condition: str, expected: str) -> None:
    """Answers 5.1, 5.2."""
    assert sorted(await names(call, condition)) == sorted(expected.split())


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("ORDER BY AnnualRevenue", "Delta'x Alpha beta Gamma_1"),  # nulls come first
        ("ORDER BY AnnualRevenue NULLS LAST", "Alpha beta Gamma_1 Delta'x"),
        ("ORDER BY AnnualRevenue DESC NULLS LAST", "Gamma_1 beta Alpha Delta'x"),
        ("ORDER BY LastName", "Alpha beta Delta'x Gamma_1"),  # English sorts without regard to case
        ("ORDER BY Rating NULLS LAST, LastName", "Alpha beta Delta'x Gamma_1"),  # picklists by their own order
        ("ORDER BY LastName LIMIT 2 OFFSET 1", "beta Delta'x"),
    ],
)
async def test_order(call: Caller, order: str, expected: str) -> None:
    """Answers 5.1."""
    assert await names(call, "Company = 'SOQL'", order) == expected.split()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("SELECT Id FROM Lead WHERE Title NOT LIKE 'x'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE Title = 'a\\q'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE Description = 'x'", "INVALID_FIELD"),  # long text is not filterable
        ("SELECT Id FROM Lead WHERE Nope.Name = 'x'", "INVALID_FIELD"),
        ("SELECT * FROM Lead", "MALFORMED_QUERY"),
        ("SELECT Title, COUNT(Id) FROM Lead", "MALFORMED_QUERY"),
        ("SELECT FIELDS(ALL) FROM Lead", "MALFORMED_QUERY"),  # needs LIMIT 200
        ("SELECT Id FROM Lead LIMIT -1", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE CreatedDate = LAST_N_DAYS:x", "MALFORMED_QUERY"),
    ],
)
async def test_texts_that_are_refused(call: Caller, text: str, code: str) -> None:
    """Answers 5.1 and the SOQL reference."""
    reply = await call.query(text)
    assert (reply.status, reply.json[0]["errorCode"]) == (400, code)


async def test_a_string_literal_has_a_limit(call: Caller) -> None:
    """Answers 5.1: 4,000 characters."""
    for length, status in ((4_000, 200), (4_001, 400)):
        assert (await call.query(f"SELECT Id FROM Lead WHERE Title = '{'x' * length}'")).status == status  # noqa: S608
