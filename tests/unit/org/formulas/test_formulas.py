"""Formulas, worked out for one record (Help: "Formula Operators and Functions by Context")."""

from __future__ import annotations

import contextlib
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.org.formulas.compiler import Record, compile_formula
from sandbox.org.formulas.syntax import FormulaError
from sandbox.org.formulas.values import EvaluationError, Value
from sandbox.org.metadata.fields import standard_catalogue
from sandbox.org.rows.writes import Row

TYPES = standard_catalogue().types
ACCOUNT_ID, USER_ID, PROFILE_ID = "001000000000001AAA", "005000000000001AAA", "00e000000000001AAA"
PARENTS: dict[tuple[str, str], Row] = {
    ("Account", ACCOUNT_ID): {"Id": ACCOUNT_ID, "Name": "Edge", "AnnualRevenue": 50.0, "OwnerId": USER_ID},
    ("Profile", PROFILE_ID): {"Id": PROFILE_ID, "Name": "Sales"},
    ("User", USER_ID): {
        "Id": USER_ID,
        "ProfileId": PROFILE_ID,
        "FirstName": "Ada",
        "LastName": "Admin",
        "Name": "Ada Admin",
    },
}
ROW: Row = {
    "AccountId": ACCOUNT_ID, "Name": "Deal", "Amount": 100.0, "Probability": 25.0, "StageName": "Closed Won",
    "CloseDate": "2026-01-31", "CreatedDate": "2026-01-30T12:00:00.000+0000",
}  # fmt: skip


def value(text: str, *, before: Row | None = None, blanks_are_zero: bool = True) -> Value:
    formula = compile_formula(text, TYPES["Opportunity"], TYPES, blanks_are_zero=blanks_are_zero)
    now = datetime(2026, 2, 1, 10, tzinfo=UTC)
    return formula.value(Record(ROW, lambda name, key: PARENTS.get((name, key)), now, USER_ID, before))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * 3 - 4 / 2", Decimal(5)),
        ("0.1 + 0.2 = 0.3", True),
        ("Amount * Probability", Decimal(25)),
        ("TotalOpportunityQuantity + 1", Decimal(1)),
        ("'a' & \"b\" + 'c'", "abc"),
        ("Account.Name & '/' & Account.Owner.FirstName", "Edge/Ada"),
        ("$User.LastName", "Admin"),
        ("$Profile.Name", "Sales"),
        ("amount > 99 && isPickVal(StageName, 'Closed Won')", True),
        ("NOT(Amount = 100) || FALSE", False),
        ("IF(ISBLANK(NextStep), 'none', NextStep)", "none"),
        ("NextStep = ''", True),
        ("NextStep <> null", False),
        ("CASE(StageName, 'Prospecting', 1, 'Closed Won', 2, 3)", Decimal(2)),
        ("CASE(1 + 1, 3, 'x', 'else')", "else"),
        ("TODAY() - CloseDate", Decimal(1)),
        ("CloseDate + 1", date(2026, 2, 1)),
        ("ADDMONTHS(CloseDate, 1)", date(2026, 2, 28)),
        ("NOW() - CreatedDate", Decimal("1.916666666666666666666666667")),
        ("WEEKDAY(CloseDate)", Decimal(7)),
        ("CloseDate > DATEVALUE(CreatedDate)", True),
        ("TEXT(Amount) & TEXT(CloseDate)", "1002026-01-31"),
        ("ROUND(2.5, 0)", Decimal(3)),
        ("MOD(-1, 3)", Decimal(2)),
        ("CEILING(-2.5)", Decimal(-3)),
        ("LEFT(Name, 2) & RIGHT(Name, 1) & MID(Name, 2, 1)", "Dele"),
        ("LPAD(Name, 6, 'x')", "xxDeal"),
        ("FIND('a', Name)", Decimal(3)),
        ("CONTAINS(Name, '') && BEGINS(Name, 'De')", True),
        ("REGEX('7 12', '[0-9 ]+')", True),
        ("VALUE('12.5') + MAX(1, 7, 3)", Decimal("19.5")),
        ("SUBSTITUTE(Name, 'D', 'M')", "Meal"),
        ("/* why */ BLANKVALUE(NextStep, 'x')", "x"),
    ],
)
def test_formula_value(text: str, expected: Value) -> None:
    assert value(text) == expected


def test_blank_numbers_count_as_zero_only_where_the_formula_says_so() -> None:
    assert value("TotalOpportunityQuantity < 5")
    assert not value("TotalOpportunityQuantity < 5", blanks_are_zero=False)
    assert value("TotalOpportunityQuantity + 1", blanks_are_zero=False) is None


def test_changes_are_seen_against_the_record_before() -> None:
    before = {**ROW, "Amount": 50.0}

    assert value("ISNEW() && NOT(ISCHANGED(Amount)) && PRIORVALUE(Amount) = 100")
    assert value("ISCHANGED(Amount) && PRIORVALUE(Amount) = 50 && NOT(ISCHANGED(Name) || ISNEW())", before=before)


@pytest.mark.parametrize(
    "text", ["1 / 0", "SQRT(-1)", "VALUE('x')", "Amount > Name", "DATE(2026, 2, 30)", "ROUND(1, 99)"]
)
def test_some_records_have_no_value(text: str) -> None:
    with pytest.raises(EvaluationError):
        value(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Nope__c > 1", "Field Nope__c does not exist. Check spelling."),
        ("$Setup.X__c", "Field $Setup.X__c does not exist. Check spelling."),
        ("Account.Nope", "Field Account.Nope does not exist. Check spelling."),
        ("NOPE(1)", "Unknown function NOPE. Check spelling."),
        ("IF(TRUE, 1)", "Incorrect number of parameters for function 'IF()'. Expected 3, received 2"),
        ("1 +", "Syntax error. Unexpected end of formula"),
        ("(1))", "Syntax error. Extra )"),
        ("Name Name", "Syntax error. Found 'Name'"),
        ("ISCHANGED(1)", "Incorrect parameter type for function 'ISCHANGED()'. Expected Field, received Expression"),
    ],
)
def test_wrong_formulas_are_refused_in_the_words_of_the_editor(text: str, message: str) -> None:
    with pytest.raises(FormulaError) as refused:
        value(text)
    assert str(refused.value) == message


@given(st.text(alphabet="ab1.+-*/^&|()=<>!'\", $\\", max_size=40))
def test_any_text_is_a_formula_or_refused(text: str) -> None:
    with contextlib.suppress(FormulaError, EvaluationError):
        value(text)
