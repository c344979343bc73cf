"""What our own write-back causes is mirrored, and nothing follows from it unless something reads it."""

from __future__ import annotations

from schemas.documents import FieldMapping, Member
from workers.runtime.apply import Applied

from .crm import ACME, JOE, JOES_LEAD, MAPPINGS, RULES, change, command, rule, written_back
from .routed import Routed, routed

SCORE = FieldMapping(source="Engagement_Score__c", target="score")


async def imported() -> Routed:
    team = await routed(*RULES)
    await team.apply(change(JOE, "create", 1, Email="joe@acme.com", City="Oslo", AccountId=ACME, Title="VP"))
    await team.apply(change(ACME, "create", 2, Website="acme.com", Name="Acme"))
    await team.settle()
    return team


async def joe_of(team: Routed) -> Member:
    return (await team.store.people.load([("acme", "joe@acme.com")]))["acme", "joe@acme.com"]


def counts(applied: Applied) -> tuple[int, int, int, int]:
    return applied.records_changed, applied.echoes, applied.people_changed, applied.memberships


async def test_a_score_that_comes_back_changes_the_record_alone() -> None:
    team = await imported()
    before, told, commanded = await joe_of(team), team.told(), len(team.publisher.published_reevaluations)
    applied = await team.apply(written_back(JOE, 3, score=87.5))
    assert counts(applied) == (1, 1, 0, 0)
    record = await team.record(JOE)
    assert record.fields["Engagement_Score__c"] == 87.5
    assert record.ours == ("Engagement_Score__c", "LastModifiedDate")
    assert await joe_of(team) == before
    assert (team.told(), len(team.publisher.published_reevaluations)) == (told, commanded)


async def test_a_score_of_an_account_that_comes_back_commands_none_of_its_contacts() -> None:
    team = await imported()
    commanded = len(team.publisher.published_reevaluations)
    assert counts(await team.apply(written_back(ACME, 3))) == (1, 1, 0, 0)
    assert len(team.publisher.published_reevaluations) == commanded


async def test_the_same_score_delivered_twice_changes_nothing() -> None:
    team = await imported()
    await team.apply(written_back(JOE, 3))
    before = await team.record(JOE)
    assert counts(await team.apply(written_back(JOE, 3))) == (0, 1, 0, 0)
    assert await team.record(JOE) == before


async def test_what_a_trigger_changed_in_the_same_event_counts() -> None:
    team = await imported()
    applied = await team.apply(written_back(JOE, 3, City="Bergen"))
    assert counts(applied) == (1, 0, 1, 2)
    assert team.people() == {"joe@acme.com": ("west",)}


async def test_what_a_trigger_changed_that_nobody_reads_is_mirrored() -> None:
    team = await imported()
    assert counts(await team.apply(written_back(JOE, 3, Rating__c="hot"))) == (1, 1, 0, 0)
    assert (await team.record(JOE)).fields["Rating__c"] == "hot"


async def test_the_same_fields_changed_by_somebody_else_are_evaluated() -> None:
    team = await imported()
    by_hand = change(JOE, "update", 3, Engagement_Score__c=1.0)
    assert counts(await team.apply(by_hand)) == (1, 0, 1, 0)
    assert (await team.record(JOE)).ours == ()


async def test_a_score_that_a_mapping_reads_reaches_the_person() -> None:
    team = await imported()
    rules = (await team.store.rule_sets.load([("acme", "acme")]))["acme", "acme"]
    mappings = MAPPINGS | {"contact": (SCORE,)}
    assert not await team.store.rule_sets.swap([rules.model_copy(update={"mappings": mappings, "version": 2})])
    await team.apply(command(JOE))
    assert counts(await team.apply(written_back(JOE, 3, score=4.0))) == (1, 0, 1, 0)
    assert (await joe_of(team)).fields["score"] == 4.0


async def test_a_record_behind_the_rules_is_evaluated_whatever_comes() -> None:
    team = await imported()
    await team.rules(rule("contact", "Oslo", "elsewhere"))
    assert counts(await team.apply(written_back(JOE, 3))) == (1, 0, 1, 2)
    assert team.people() == {"joe@acme.com": ("elsewhere",)}


async def test_writing_back_does_not_decide_which_record_was_changed_last() -> None:
    """The contact was changed by a person after the lead; our scores arrive the other way round."""
    team = await imported()
    await team.apply(change(JOES_LEAD, "create", 3, Email="joe@acme.com", City="Oslo", Title="Intern"))
    await team.apply(change(JOE, "update", 4, Title="CEO"))
    assert (await joe_of(team)).fields["title"] == "CEO"
    await team.apply(written_back(JOE, 5))
    await team.apply(written_back(JOES_LEAD, 6))
    await team.apply(command(JOES_LEAD), command(JOE))
    assert (await joe_of(team)).fields["title"] == "CEO"


async def test_a_record_that_is_not_known_yet_waits_for_its_full_state() -> None:
    team = await routed(*RULES)
    assert counts(await team.apply(written_back(JOE, 3))) == (1, 0, 0, 0)
    await team.apply(change(JOE, "snapshot", 2, Email="joe@acme.com", City="Oslo"))
    assert team.people() == {"joe@acme.com": ("north",)}
