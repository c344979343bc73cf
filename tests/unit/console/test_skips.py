from __future__ import annotations

import csv
import io

import pytest

from tests.unit.runtime.crm import change, record_id
from tests.unit.runtime.routed import Routed, routed
from workers.console.skips import COLUMNS, Skipped, export, skips
from workers.ports import Refused


async def team_with_skips() -> Routed:
    team = await routed()
    await team.apply(
        change(record_id("contact", 1), "create", 1, City="Oslo", FirstName="Joe", LastName="=1+1"),
        change(record_id("contact", 2), "create", 1, City="Oslo", Email="@nonsense"),
        change(record_id("contact", 3), "create", 1, City="Rome", Email="ann@acme.com"),
        change(record_id("contact", 4), "create", 1, City="Oslo", Email="eve@acme.com"),
        change(record_id("account", 5), "create", 1, City="Oslo", Name="Acme"),
    )
    return team


async def test_who_is_not_imported_is_listed_with_the_field_to_mend() -> None:
    team = await team_with_skips()
    found = [each async for each in skips(team.store, "acme", None, None)]
    assert [(each.record_id, each.reason, each.field) for each in found] == [
        (record_id("account", 5), "no_website", "Website"),
        (record_id("contact", 2), "invalid_email", "Email"),
        (record_id("contact", 1), "no_email", "Email"),
        (record_id("contact", 3), "not_in_any_list", ""),
    ]
    assert found[2] == Skipped("contact", record_id("contact", 1), "Joe =1+1", "no_email", "", "Email", "")


async def test_only_those_asked_for() -> None:
    team = await team_with_skips()
    assert [each.reason async for each in skips(team.store, "acme", "contact", "no_email")] == ["no_email"]
    assert [each.entity async for each in skips(team.store, "acme", "account", None)] == ["account"]


async def test_who_is_mended_disappears() -> None:
    team = await team_with_skips()
    await team.apply(change(record_id("contact", 1), "update", 2, Email="joe@acme.com"))
    assert [each async for each in skips(team.store, "acme", "contact", "no_email")] == []


async def test_the_export_holds_everybody_and_no_formulas() -> None:
    team = await team_with_skips()
    file = io.StringIO(newline="")
    assert await export(team.store, "acme", None, None, file) == 4
    rows = list(csv.reader(io.StringIO(file.getvalue())))
    assert rows[0] == list(COLUMNS)
    assert len(rows) == 5
    assert rows[2][-1] == "'@nonsense"


async def test_a_reason_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(Refused, match=r"“no_mail”; it is one of no_email, .*converted"):
        [each async for each in skips((await routed()).store, "acme", None, "no_mail")]


async def test_of_a_converted_lead_nothing_is_to_be_mended() -> None:
    acme = await routed()
    lead = record_id("lead", 1)
    await acme.apply(change(lead, "create", 1, IsConverted=True, ConvertedContactId=record_id("contact", 1)))
    (found,) = [each async for each in skips(acme.store, "acme", None, "converted")]
    assert (found.field, found.detail) == ("", record_id("contact", 1))
