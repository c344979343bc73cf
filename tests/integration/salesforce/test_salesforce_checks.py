"""What the checks say of a simulated org, as its connected user sees it."""

from __future__ import annotations

from schemas.documents import InsightFields
from schemas.events import ENTITIES
from workers.core.preflight import Finding, ObjectAccess
from workers.core.writeback import unfit
from workers.runtime.preflight import check
from workers.runtime.usage import flush

from .connected_team import TEAM, Connect, Setup


async def wrong(setup: Setup) -> list[Finding]:
    return [found for found in await check(setup.store, setup.org, TEAM) if found.outcome != "ok"]


async def test_an_administrator_s_connection_has_nothing_to_mend(connect: Connect) -> None:
    assert await wrong(await connect()) == []


async def test_an_object_without_change_data_capture(connect: Connect) -> None:
    (finding,) = await wrong(await connect(cdc_entities=("Contact", "Account")))
    assert (finding.check, finding.entity, finding.outcome) == ("change data capture", "lead", "failed")


async def test_what_the_user_may_do_with_each_object(connect: Connect) -> None:
    setup = await connect()
    assert await setup.org.object_access() == dict.fromkeys(ENTITIES, ObjectAccess(read=True, view_all=True))


async def test_how_the_org_counts_days(connect: Connect) -> None:
    setup = await connect()
    habits = await setup.org.habits()
    assert habits.user_id == setup.sandbox.org.admin_user_id
    assert (habits.locale, habits.fiscal_year_starts) == ("en_US", 1)


async def test_delivered_events_are_counted(connect: Connect) -> None:
    setup = await connect()
    async with setup.streaming({}) as listener:
        setup.create_contacts(3)
        await listener.take(3)
    await flush(setup.orgs.meters(), setup.store.api_usage)
    (day,) = [day async for day in setup.store.api_usage.scan(TEAM)]
    assert day.calls == {"events": 3, "tokens": 1}


async def test_every_call_is_counted_and_the_org_says_what_is_left(connect: Connect) -> None:
    setup = await connect(daily_api_requests=100)
    assert setup.org.background_calls_left() is None
    await setup.org.fields("contact")
    await setup.org.query("SELECT Id FROM Contact")
    assert setup.org.background_calls_left() == 48
    await flush(setup.orgs.meters(), setup.store.api_usage)
    (day,) = [day async for day in setup.store.api_usage.scan(TEAM)]
    assert day.calls == {"rest": 1, "query": 1, "tokens": 1}
    assert (day.allowed, day.remaining) == (100, 98)


async def test_a_created_field_can_be_written_by_the_connected_user(connect: Connect) -> None:
    setup = await connect()
    user_id = (await setup.org.habits()).user_id
    await setup.org.create_insight_field("lead", "Heat__c", "score", user_id)
    await setup.org.create_insight_field("lead", "Seen__c", "date", user_id)
    found = {field.name: (field.type, field.updateable) for field in await setup.org.fields("lead")}
    assert unfit("lead", InsightFields(score="Heat__c", date="Seen__c"), found) == []
