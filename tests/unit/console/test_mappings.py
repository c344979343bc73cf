"""What may fill which field of a person or account, and what is said when it may not."""

from __future__ import annotations

import pytest

from schemas.documents import FieldMapping, RuleSet
from schemas.events import Entity
from workers.adapters.memory.salesforce import MemoryOrg
from workers.adapters.memory.store import memory_store
from workers.console.audit import entries
from workers.console.mappings import Wanted, mapping_fields, readable_fields, unmapping_fields
from workers.ports import FieldInfo, Refused, Store
from workers.runtime.edits import By, edit_rule_set, rule_set_of

TEAM = "acme"
FIELDS = {
    name: FieldInfo(name, kind)
    for name, kind in {
        "Title": "string",
        "Account.Industry": "picklist",
        "Age__c": "double",
        "Vip__c": "boolean",
        "Birthdate": "date",
        "LastModifiedDate": "datetime",
    }.items()
}
BY = By("ann", 5)


@pytest.fixture
def store() -> Store:
    return memory_store()


async def mapped(store: Store, *wanted: Wanted, entity: Entity = "contact") -> tuple[FieldMapping, ...]:
    return await edit_rule_set(store, TEAM, mapping_fields(entity, wanted, FIELDS), BY)


async def test_every_readable_field_can_be_chosen_and_those_of_the_account() -> None:
    org = MemoryOrg()
    org.fields_of = {
        "contact": (
            FieldInfo("Title", "string"),
            FieldInfo("MailingAddress", "address"),
            FieldInfo("Name", "string", compound=True),
        ),
        "account": (FieldInfo("Industry", "picklist"),),
    }
    assert set(await readable_fields(org, "contact")) == {"Title", "Account.Industry"}
    assert set(await readable_fields(org, "account")) == {"Industry"}


async def test_a_target_takes_the_type_of_its_first_source(store: Store) -> None:
    (mapping,) = await mapped(store, Wanted("job_title", ("Title", "Account.Industry"), constant="{'$gt': ''}"))
    assert mapping == FieldMapping(
        source="Title", target="job_title", fallbacks=("Account.Industry",), constant="{'$gt': ''}", type="text"
    )


async def test_a_constant_alone_fills_a_target(store: Store) -> None:
    (mapping,) = await mapped(store, Wanted("level", constant="5", type="number"))
    assert (mapping.source, mapping.constant) == (None, 5)


async def test_a_mapping_of_the_same_target_is_replaced(store: Store) -> None:
    await mapped(store, Wanted("age", ("Age__c",)), Wanted("vip", ("Vip__c",)))
    await mapped(store, Wanted("age", ("Title",)))
    mappings = (await rule_set_of(store, TEAM)).mappings["contact"]
    assert {each.target: each.source for each in mappings} == {"vip": "Vip__c", "age": "Title"}


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Wanted("age", ("Title",), type="number"), "Title holds text and cannot fill age, which holds number"),
        (Wanted("day", ("LastModifiedDate",), type="date"), "LastModifiedDate holds datetime .* time zone"),
        (Wanted("vip", ("Vip__c", "Age__c")), "Age__c holds number and cannot fill vip, which holds boolean"),
        (Wanted("age", constant="old", type="number"), "constant 'old' cannot fill age.*give a number"),
        (Wanted("age", constant="nan", type="number"), "constant 'nan' cannot fill age"),
        (Wanted("day", constant="tomorrow", type="date"), "constant 'tomorrow' cannot fill day"),
        (Wanted("vip", constant="yes", type="boolean"), "give true or false"),
        (Wanted("age"), "target field age: name a Salesforce field or a constant"),
        (Wanted("secret", ("Secret__c",)), "can read no contact field Secret__c.*field-level security"),
        (Wanted("owner", ("Owner.Name",)), "Owner.Name is a field of a related record"),
        (Wanted("$where", ("Title",)), r"target field '\$where': use up to 63 lower-case"),
        (Wanted("a.b", ("Title",)), "target field 'a.b'"),
        (Wanted("_id", ("Title",)), "target field '_id'"),
        (Wanted("", ("Title",)), "target field ''"),
        (Wanted("Title", ("Title",)), "target field 'Title'"),
        (Wanted("a" * 65, ("Title",)), f"target field '{'a' * 65}'"),
        (Wanted("a\n", ("Title",)), "target field"),
        (Wanted("segments", ("Title",)), "target field 'segments': the name is reserved"),
        (Wanted("email", ("Title",)), "email is always mapped from Email"),
    ],
)
async def test_what_cannot_be_mapped_is_refused_with_the_field_and_the_reason(
    store: Store, wanted: Wanted, said: str
) -> None:
    with pytest.raises(Refused, match=said):
        await mapped(store, wanted)
    assert await rule_set_of(store, TEAM) == RuleSet(team=TEAM)


async def test_a_field_of_a_person_holds_one_type_whoever_fills_it(store: Store) -> None:
    await mapped(store, Wanted("level", ("Age__c",)))
    with pytest.raises(Refused, match="level of a person holds number"):
        await mapped(store, Wanted("level", ("Title",), type="text"), entity="lead")
    with pytest.raises(Refused, match="Title holds text and cannot fill level, which holds number"):
        await mapped(store, Wanted("level", ("Title",)), entity="lead")


async def test_who_wins_is_decided_for_the_target_not_for_the_entity(store: Store) -> None:
    await mapped(store, Wanted("job_title", ("Title",)))
    await mapped(store, Wanted("job_title", ("Title",), prefer="keep_first"), entity="lead")
    found = (await rule_set_of(store, TEAM)).mappings
    assert [each.prefer for each in (*found["contact"], *found["lead"])] == ["keep_first", "keep_first"]
    await mapped(store, Wanted("job_title", ("Title",)))
    assert (await rule_set_of(store, TEAM)).mappings["contact"][0].prefer == "keep_first"


async def test_no_lead_fills_an_account(store: Store) -> None:
    with pytest.raises(Refused, match="target field name: only people"):
        await mapped(store, Wanted("name", ("Title",), prefer="contact_over_lead"), entity="account")


async def test_only_what_is_mapped_can_be_taken_away_and_never_the_identity(store: Store) -> None:
    await mapped(store, Wanted("age", ("Age__c",)), Wanted("vip", ("Vip__c",)))
    assert [each.target for each in await edit_rule_set(store, TEAM, unmapping_fields("contact", ["age"]), BY)] == [
        "vip"
    ]
    with pytest.raises(Refused, match="age is not mapped for contacts"):
        await edit_rule_set(store, TEAM, unmapping_fields("contact", ["age"]), BY)
    with pytest.raises(Refused, match="domain is always mapped"):
        await edit_rule_set(store, TEAM, unmapping_fields("account", ["domain"]), BY)


async def test_who_mapped_what_is_in_the_audit_log(store: Store) -> None:
    await mapped(store, Wanted("age", ("Age__c",), constant="7"))
    await edit_rule_set(store, TEAM, unmapping_fields("contact", ["age"]), BY)
    assert [(entry.who, entry.what) for entry in await entries(store, TEAM)] == [
        ("ann", "contact fields no longer mapped: age"),
        ("ann", "contact fields mapped: age from Age__c, else 7"),
    ]
