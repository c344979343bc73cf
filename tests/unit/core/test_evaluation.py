from __future__ import annotations

from typing import Any

import pytest

from schemas.documents import (
    Contribution,
    Destination,
    FieldMapping,
    ListDefinition,
    Reason,
    Record,
    Rule,
    RuleSet,
    Skip,
    Targets,
)
from schemas.events import Entity, Version
from workers.core.evaluation import Outcome, Related, compile_rule_set, contributions, decided, evaluate
from workers.core.lists.predicates import UnsupportedCondition

ALONE, FOLLOWED = Related(), Related(has_imported_contacts=True)
V1, V2 = Version(1, 1, 1), Version(2, 1, 1)


def list_of(entity: Entity, list_id: str, city: str) -> ListDefinition:
    where = {"field": "City", "operator": "equals", "values": [f"'{city}'"]}
    return ListDefinition(list_id=list_id, entity=entity, label=city, scope="everything", where=where, fetched_at_ms=0)


def rule(rule_id: str, entity: Entity, *list_ids: str, segment: str | None = None, active: bool = True) -> Rule:
    destination = Destination(kind="only") if segment is None else Destination(kind="segment", segment_id=segment)
    return Rule(
        rule_id=rule_id, entity=entity, list_ids=list_ids, destination=destination, active=active, created_at_ms=0
    )


def rule_set(*rules: Rule, **more: Any) -> RuleSet:
    lists = {
        "oslo": list_of("contact", "oslo", "Oslo"),
        "oslo2": list_of("contact", "oslo2", "oslo"),
        "leads": list_of("lead", "leads", "Oslo"),
        "firms": list_of("account", "firms", "Oslo"),
    }
    return RuleSet(team="acme", version=4, rules=rules, lists=lists, **more)


RULES = rule_set(
    rule("r1", "contact", "oslo", segment="north"),
    rule("r2", "lead", "leads"),
    rule("r3", "account", "firms", segment="firms"),
    mappings={"contact": (FieldMapping(source="Title", target="job_title"),)},
)


def record(entity: Entity, /, **fields: object) -> Record:
    prefix = {"contact": "003", "lead": "00Q", "account": "001"}[entity]
    return Record(
        team="acme",
        record_id=f"{prefix}000000000001AAA",
        entity=entity,
        rev=3,
        alive=True,
        fields=fields,
        full_version=V1,
        field_versions={"City": V2},
    )


def outcome(of: Record, related: Related = ALONE, under: RuleSet = RULES) -> Outcome:
    return evaluate(of, related, compile_rule_set(under, 0))


def test_a_contact_in_a_list_contributes_to_its_person() -> None:
    result = outcome(record("contact", City="Oslo", Email="Joe@acme.com", Title="VP", Phone="1"))
    assert result == Outcome(
        imported=True,
        person=(
            "joe@acme.com",
            Contribution(
                rev=3,
                entity="contact",
                version=V2,
                fields={"email": "joe@acme.com", "job_title": "VP"},
                segments={"north": (Reason(rule_id="r1", list_id="oslo"),)},
            ),
        ),
        held=(Reason(rule_id="r1", list_id="oslo"),),
        in_lists=("oslo",),
    )


def test_a_lead_contributes_to_its_person_and_its_company() -> None:
    result = outcome(record("lead", City="Oslo", Email="joe@gmail.com", Website="www.acme.com"))
    assert result.person is not None
    assert (result.person[0], result.person[1].segments) == ("joe@gmail.com", {})
    assert result.account == ("acme.com", Contribution(rev=3, entity="lead", version=V2, fields={"domain": "acme.com"}))


def test_a_lead_with_a_free_mailbox_and_no_website_has_no_company() -> None:
    assert outcome(record("lead", City="Oslo", Email="joe@gmail.com")).account is None


def test_an_account_in_a_list_contributes_to_its_domain() -> None:
    result = outcome(record("account", City="Oslo", Website="http://acme.com/"))
    assert (result.imported, result.person) == (True, None)
    assert result.account is not None
    assert result.account[0] == "acme.com"
    assert result.account[1].segments == {"firms": (Reason(rule_id="r3", list_id="firms"),)}


def test_an_account_follows_its_imported_contacts_but_into_no_segment() -> None:
    result = outcome(record("account", City="Bergen", Website="acme.com"), FOLLOWED)
    assert result.imported
    assert result.account is not None
    assert result.account[1].segments == {}


@pytest.mark.parametrize(
    ("of", "related", "reason"),
    [
        (record("contact", City="Oslo"), ALONE, "no_email"),
        (record("contact", City="Bergen"), ALONE, "not_in_any_list"),
        (record("lead", City="Oslo", Email="joe@acme.com.invalid"), ALONE, "invalid_email"),
        (record("contact", City="Bergen", Email="joe@acme.com"), ALONE, "not_in_any_list"),
        (record("account", City="Oslo"), ALONE, "no_website"),
        (record("account", City="Bergen"), ALONE, "not_in_any_list"),
        (record("account", City="Bergen"), FOLLOWED, "no_website"),
        (record("account", City="Oslo", Website="n/a"), ALONE, "invalid_website"),
        (record("account", City="Bergen", Website="acme.com"), ALONE, "not_in_any_list"),
    ],
)
def test_skips(of: Record, related: Related, reason: str) -> None:
    result = outcome(of, related)
    assert (result.imported, result.person, result.account) == (False, None, None)
    assert result.skip is not None
    assert result.skip.reason == reason


@pytest.mark.parametrize("missing", [{"alive": False}, {"full_version": None}])
def test_the_dead_and_the_half_known_contribute_nothing(missing: dict[str, object]) -> None:
    of = record("contact", City="Oslo", Email="joe@acme.com").model_copy(update=missing)
    assert outcome(of) == Outcome(imported=False)


def test_a_segment_collects_the_reasons_of_all_rules_and_lists() -> None:
    under = rule_set(
        rule("r1", "contact", "oslo", "oslo2", segment="north"),
        rule("r2", "contact", "oslo", segment="south"),
        rule("r3", "contact", "oslo2", segment="north"),
        rule("r4", "contact", "oslo"),
    )
    result = outcome(record("contact", City="Oslo", Email="joe@acme.com"), under=under)
    assert result.person is not None
    assert result.person[1].segments == {
        "north": (
            Reason(rule_id="r1", list_id="oslo"),
            Reason(rule_id="r1", list_id="oslo2"),
            Reason(rule_id="r3", list_id="oslo2"),
        ),
        "south": (Reason(rule_id="r2", list_id="oslo"),),
    }


def test_an_inactive_rule_imports_nothing_and_its_lists_need_not_be_known() -> None:
    under = rule_set(rule("r1", "contact", "gone", active=False))
    assert outcome(record("contact", City="Oslo", Email="joe@acme.com"), under=under).skip == Skip(
        reason="not_in_any_list"
    )


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (rule("r1", "contact", "gone"), "list gone"),
        (rule("r1", "contact", "leads"), "holds leads"),
        (
            rule("r1", "contact", "oslo").model_copy(update={"destination": Destination(kind="segment")}),
            "names none",
        ),
    ],
)
def test_a_rule_that_cannot_work_is_refused_by_name(broken: Rule, says: str) -> None:
    with pytest.raises(UnsupportedCondition, match="Rule r1") as error:
        compile_rule_set(rule_set(broken), 0)
    assert says in str(error.value)


def test_a_list_that_cannot_be_evaluated_is_refused() -> None:
    lists = {"mine": list_of("contact", "mine", "Oslo").model_copy(update={"scope": "mru"})}
    with pytest.raises(UnsupportedCondition, match="“Oslo”"):
        compile_rule_set(RuleSet(team="acme", rules=(rule("r1", "contact", "mine"),), lists=lists), 0)


def test_the_compiled_rule_set_has_the_version_of_the_rule_set() -> None:
    assert compile_rule_set(RULES, 0).version == 4


# --- what is noted and written ---------------------------------------------------------------------------------------


def test_a_decision_is_noted_and_targets_only_grow() -> None:
    of = record("lead", City="Oslo", Email="new@acme.com").model_copy(
        update={"targets": Targets(people=("old@acme.com",)), "skip": Skip(reason="no_email")}
    )
    noted = decided(of, outcome(of), 4)
    assert (noted.imported, noted.skip, noted.rule_set_version, noted.rev) == (True, None, 4, 3)
    assert noted.targets == Targets(people=("old@acme.com", "new@acme.com"), accounts=("acme.com",))


def test_the_same_decision_again_returns_the_same_object() -> None:
    of = record("contact", City="Oslo", Email="joe@acme.com")
    noted = decided(of, outcome(of), 4)
    assert decided(noted, outcome(noted), 4) is noted
    assert decided(noted, outcome(noted), 5) is not noted


def test_a_skip_keeps_the_targets_and_says_why() -> None:
    of = record("contact", City="Oslo").model_copy(update={"targets": Targets(people=("old@acme.com",))})
    noted = decided(of, outcome(of), 4)
    assert (noted.imported, noted.skip, noted.targets) == (False, Skip(reason="no_email"), of.targets)


def test_the_current_target_gets_the_contribution_and_earlier_ones_its_withdrawal() -> None:
    of = record("contact", City="Oslo", Email="new@acme.com").model_copy(
        update={"targets": Targets(people=("old@acme.com", "new@acme.com"), accounts=("old.com",))}
    )
    result = outcome(of)
    written = of.model_copy(update={"rev": 4})
    people, accounts = contributions(written, result)
    gone = Contribution(rev=4, entity="contact", gone=True, version=V2)
    assert result.person is not None
    assert people == {"old@acme.com": gone, "new@acme.com": result.person[1].model_copy(update={"rev": 4})}
    assert accounts == {"old.com": gone}


def test_a_deleted_record_withdraws_everything() -> None:
    of = record("contact").model_copy(update={"alive": False, "targets": Targets(people=("a@acme.com", "b@acme.com"))})
    people, accounts = contributions(of, outcome(of))
    assert {key: each.gone for key, each in people.items()} == {"a@acme.com": True, "b@acme.com": True}
    assert accounts == {}
