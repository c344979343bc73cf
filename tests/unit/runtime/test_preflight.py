"""Looking at an org through the port."""

from __future__ import annotations

from schemas.documents import Destination, FieldMapping, ListDefinition, Rule, RuleSet
from workers.adapters.memory.salesforce import MemoryOrg
from workers.adapters.memory.store import memory_store
from workers.ports import Refused
from workers.runtime.preflight import check, needed_fields

WHERE = {
    "conjunction": "and",
    "conditions": [
        {"field": "Title", "operator": "like", "values": ["'%VP%'"]},
        {"condition": {"field": "Department", "operator": "equals", "values": ["'Sales'"]}},
        {"conjunction": "or", "conditions": [{"field": "Account.Industry", "operator": "equals", "values": ["'A'"]}]},
    ],
}


def rules(*, active: bool) -> RuleSet:
    definition = ListDefinition(
        list_id="00B1", entity="contact", label="VPs", scope="everything", where=WHERE, fetched_at_ms=1
    )
    rule = Rule(
        rule_id="r",
        entity="contact",
        list_ids=("00B1",),
        destination=Destination(kind="only"),
        active=active,
        created_at_ms=1,
    )
    mapping = FieldMapping(source="Phone", target="phone")
    return RuleSet(team="acme", rules=(rule,), lists={"00B1": definition}, mappings={"contact": (mapping,)})


def test_fields_are_needed_by_mappings_and_by_conditions_of_any_depth() -> None:
    assert needed_fields(rules(active=True), "contact") == {"Title", "Department", "Phone"}


def test_a_rule_that_is_not_active_needs_nothing() -> None:
    assert needed_fields(rules(active=False), "contact") == {"Phone"}


def test_other_entities_need_nothing_of_it() -> None:
    assert needed_fields(rules(active=True), "lead") == frozenset()


async def test_a_needed_field_that_describe_does_not_show_is_found() -> None:
    store = memory_store()
    assert not await store.rule_sets.swap([rules(active=True)])
    found = await check(store, MemoryOrg(), "acme")
    assert [f.says for f in found if f.check == "fields" and f.entity == "contact"] == [
        "the connected user cannot read Contact.Department, Contact.Phone"
    ]


async def test_an_org_that_takes_no_calls_is_one_finding() -> None:
    org = MemoryOrg()
    org.failures["allowances"] = [Refused("API_DISABLED_FOR_ORG")]
    (finding,) = await check(memory_store(), org, "acme")
    assert (finding.check, finding.outcome) == ("api", "failed")
