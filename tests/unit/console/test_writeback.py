"""The settings of the write-back."""

from __future__ import annotations

import pytest

from schemas.documents import InsightFields
from workers.adapters.memory.salesforce import MemoryOrg
from workers.adapters.memory.store import memory_store
from workers.console.audit import entries
from workers.console.writeback import change, missing_fields, name_fields, switch
from workers.core.writeback import is_on
from workers.ports import FieldInfo, Refused, Store
from workers.runtime.edits import By
from workers.runtime.writeback_settings import settings_of

TEAM = "acme"


@pytest.fixture
def store() -> Store:
    return memory_store()


async def test_a_switch_tells_who_changed_it_when(store: Store) -> None:
    settings = await switch(store, TEAM, "lead", False, By("ann", 5))
    assert not is_on(settings, "lead")
    assert is_on(settings, "contact")
    assert (settings.switches["lead"].changed_by, settings.switches["lead"].changed_at_ms) == ("ann", 5)


async def test_every_change_is_in_the_audit_log(store: Store) -> None:
    await switch(store, TEAM, "lead", False, By("ann", 5))
    await change(store, TEAM, {"at": "04:30"}, By("joe", 6))
    assert [(entry.who, entry.what) for entry in await entries(store, TEAM)] == [
        ("joe", "write-back: at 04:30"),
        ("ann", "write-back of leads switched off"),
    ]


async def test_what_is_not_named_stays(store: Store) -> None:
    await change(store, TEAM, {"at": "04:30", "time_zone": "Europe/Oslo"}, By("ann", 5))
    settings = await change(store, TEAM, {"blackouts": [["08:00", "18:00"]]}, By("ann", 6))
    assert (settings.at, settings.time_zone, settings.blackouts) == ("04:30", "Europe/Oslo", (("08:00", "18:00"),))
    assert (await settings_of(store, TEAM)).at == "04:30"


@pytest.mark.parametrize(
    ("update", "says"),
    [
        ({"at": "25:00"}, "at: '25:00' cannot be: give HH:MM"),
        ({"time_zone": "Mars/Phobos"}, "Mars/Phobos is no time zone: give an IANA name"),
        ({"time_zone": "../etc/passwd"}, "is no time zone"),
        ({"blackouts": [["08:00"]]}, "blackouts"),
        ({"dead_band": -1}, "dead_band: -1 cannot be"),
        ({"dead_band": "much"}, "dead_band: 'much' cannot be"),
    ],
)
async def test_what_cannot_be_is_refused_by_name(store: Store, update: dict[str, object], says: str) -> None:
    with pytest.raises(Refused, match=says.replace("(", r"\(")):
        await change(store, TEAM, update, By("ann", 5))
    assert await entries(store, TEAM) == []


async def test_fields_are_checked_before_they_are_taken(store: Store) -> None:
    org = MemoryOrg()
    org.fields_of["lead"] = (
        FieldInfo("Heat__c", "double"),
        FieldInfo("Seen__c", "date"),
        FieldInfo("Note__c", "string"),
    )
    with pytest.raises(Refused, match=r"Lead\.Note__c is of type string"):
        await name_fields(store, org, TEAM, "lead", InsightFields(score="Note__c", date="Seen__c"), By("ann", 5))
    settings = await name_fields(store, org, TEAM, "lead", InsightFields(score="Heat__c", date="Seen__c"), By("ann", 5))
    assert settings.fields["lead"].score == "Heat__c"


async def test_missing_fields_are_those_that_the_org_does_not_show(store: Store) -> None:
    org = MemoryOrg()
    assert await missing_fields(store, org, TEAM, "lead") == []
    org.fields_of["lead"] = (FieldInfo("Engagement_Score__c", "double"),)
    assert await missing_fields(store, org, TEAM, "lead") == ["Last_Engagement_Date__c"]
