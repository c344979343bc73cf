"""What a record's account and the calendar have to say about it."""

from __future__ import annotations

from datetime import UTC, datetime

from schemas.documents import ListDefinition
from workers.runtime.reapply import reapply_dates

from .crm import ACME, ANN, BETA, JOE, change, rule
from .routed import Routed, assert_nothing_is_owed, routed

AT_ROME = rule("contact", "at-Rome", "south")


async def of_acme(city: str) -> Routed:
    acme = await routed(AT_ROME)
    await acme.apply(change(ACME, "create", 1, City=city))
    await acme.apply(change(JOE, "create", 2, Email="joe@acme.com", AccountId=ACME))
    await acme.settle()
    return acme


async def test_a_contact_is_in_a_list_by_a_field_of_its_account() -> None:
    acme = await of_acme("Rome")
    assert acme.people() == {"joe@acme.com": ("south",)}


async def test_a_changed_account_evaluates_its_contacts_again() -> None:
    acme = await of_acme("Oslo")
    assert acme.people() == {}
    await acme.apply(change(ACME, "update", 3, City="Rome"))
    await acme.settle()
    assert acme.people() == {"joe@acme.com": ("south",)}
    await acme.apply(change(ACME, "delete", 4))
    await acme.settle()
    assert acme.people() == {}
    assert_nothing_is_owed(acme.store)


async def test_a_field_that_no_list_reads_commands_nobody() -> None:
    acme = await of_acme("Rome")
    acme.commands()
    await acme.apply(change(ACME, "update", 3, Website="acme.com"))
    assert [command.record_id for command in acme.commands() if command.entity == "contact"] == []


async def test_an_account_that_comes_after_its_contact_counts_as_well() -> None:
    acme = await routed(AT_ROME)
    await acme.apply(change(JOE, "create", 1, Email="joe@acme.com", AccountId=ACME))
    await acme.apply(change(ACME, "create", 2, City="Rome"))
    await acme.settle()
    assert acme.people() == {"joe@acme.com": ("south",)}


async def test_a_contact_that_moves_is_read_with_its_new_account() -> None:
    acme = await of_acme("Rome")
    await acme.apply(change(BETA, "create", 3, City="Oslo"))
    await acme.apply(change(JOE, "update", 4, AccountId=BETA))
    await acme.settle()
    assert acme.people() == {}


# --- dates -----------------------------------------------------------------------------------------------------------

RECENT = ListDefinition(
    list_id="contact-recent",
    entity="contact",
    label="Recent",
    scope="everything",
    where={"field": "Met__c", "operator": "equals", "values": ["LAST_N_DAYS:2"]},
    fetched_at_ms=0,
)
HOUR_MS = 3_600_000


def at(day: int, hour: int = 0) -> int:
    return int(datetime(2024, 5, day, hour, tzinfo=UTC).timestamp() * 1000)


async def recently_met() -> Routed:
    built = await routed(rule("contact", "recent", "warm"))
    stored = (await built.store.rule_sets.load([("acme", "acme")]))["acme", "acme"]
    edited = stored.model_copy(update={"version": 2, "lists": {RECENT.list_id: RECENT}})
    assert not await built.store.rule_sets.swap([edited])
    built.clock.now = at(15, 12)
    await built.apply(
        change(JOE, "create", 1, Email="joe@acme.com", Met__c="2024-05-14"),
        change(ANN, "create", 1, Email="ann@acme.com", Met__c="2024-05-17"),
    )
    return built


async def pass_time(team: Routed, now_ms: int) -> list[str]:
    """The records that the moment commanded."""
    team.clock.now = now_ms
    await reapply_dates(team.store, team.publisher, now_ms)
    commands = team.commands()
    await team.applier.apply(commands)
    return [command.record_id for command in commands if command.reason == "date"]


async def test_people_enter_and_leave_as_days_go_by() -> None:
    acme = await recently_met()
    assert acme.people() == {"joe@acme.com": ("warm",)}
    await pass_time(acme, at(17))
    assert acme.people() == {"ann@acme.com": ("warm",)}
    await pass_time(acme, at(20))
    assert acme.people() == {}


async def test_only_those_are_evaluated_again_who_can_change() -> None:
    acme = await recently_met()
    assert await pass_time(acme, at(15, 23)) == []
    assert await pass_time(acme, at(16)) == []
    assert await pass_time(acme, at(17)) == [JOE, ANN]
    assert await pass_time(acme, at(17, 1)) == []
    assert (await acme.record(JOE)).evaluate_at_ms is None


async def test_a_worker_whose_clock_is_behind_is_asked_again() -> None:
    acme = await recently_met()
    await reapply_dates(acme.store, acme.publisher, at(17))
    await acme.applier.apply(acme.commands())  # the applier's clock still shows the 15th
    assert acme.people() == {"joe@acme.com": ("warm",)}
    assert await pass_time(acme, at(17)) == [JOE, ANN]
    assert acme.people() == {"ann@acme.com": ("warm",)}
