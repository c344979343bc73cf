"""The deepest filter that a list may have, and the longest text, are followed and stored."""

from __future__ import annotations

from typing import Any

from schemas.documents import Destination, FieldMapping, ListDefinition, Rule, RuleSet
from tests.support.clock import SetClock
from tests.unit.runtime.crm import change
from workers.adapters.memory.publisher import MemoryPublisher
from workers.core.lists.predicates import DEEPEST
from workers.ports import Store
from workers.runtime.apply import Applier


def nested(levels: int) -> dict[str, Any]:
    where: dict[str, Any] = {"field": "Title", "operator": "equals", "values": ["'VP'"]}
    for _ in range(levels):
        where = {"conjunction": "or", "conditions": [where]}
    return where


async def test_the_deepest_filter_is_stored_and_its_list_can_be_edited(store: Store, team: str) -> None:
    definition = ListDefinition(
        list_id="deep", entity="contact", label="Deep", scope="everything", where=nested(DEEPEST), fetched_at_ms=0
    )
    rule_set = RuleSet(team=team, version=1, lists={"deep": definition})
    assert not await store.rule_sets.swap([rule_set])
    stored = (await store.rule_sets.load([(team, team)]))[team, team]
    assert stored.lists["deep"] == definition
    assert not await store.rule_sets.swap([stored.model_copy(update={"version": 2})])


async def test_a_text_as_long_as_salesforce_has_them_is_followed_and_stored(store: Store, team: str) -> None:
    """131,072 characters, of a long text area, at four bytes each."""
    text = "💥" * 131_071 + "!"
    where = {"field": "Story__c", "operator": "like", "values": ["'%!'"]}
    listed = ListDefinition(list_id="l", entity="contact", label="L", scope="everything", where=where, fetched_at_ms=0)
    rule = Rule(rule_id="r", entity="contact", list_ids=("l",), destination=Destination(kind="only"), created_at_ms=0)
    story = FieldMapping(source="Story__c", target="story")
    rule_set = RuleSet(team=team, version=1, rules=(rule,), lists={"l": listed}, mappings={"contact": (story,)})
    assert not await store.rule_sets.swap([rule_set])
    told = change("003000000000001AAA", "create", 1, team, Email="joe@acme.com", Story__c=text)
    await Applier(store, MemoryPublisher(), SetClock(0)).apply([told])
    person = (await store.people.load([(team, "joe@acme.com")]))[team, "joe@acme.com"]
    assert person.fields == {"email": "joe@acme.com", "story": text}
