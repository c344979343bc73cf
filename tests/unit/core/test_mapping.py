from __future__ import annotations

import pytest

from schemas.documents import FieldMapping, Preference, TargetType
from schemas.events import Entity
from workers.core.mapping import map_fields, precedences

TITLE = FieldMapping(source="Title", target="job_title")


@pytest.mark.parametrize(
    ("entity", "fields", "mapped"),
    [
        ("contact", {"Email": " Joe@ACME.com", "Title": "VP"}, {"email": "joe@acme.com", "job_title": "VP"}),
        ("lead", {"Email": "joe@acme.com", "Title": None}, {"email": "joe@acme.com"}),
        ("account", {"Website": "http://www.acme.com/x", "Title": ""}, {"domain": "acme.com"}),
        ("contact", {"Email": "nonsense", "Title": "VP"}, {"job_title": "VP"}),
        ("contact", {"Email": "joe@acme.com", "Secret": "x"}, {"email": "joe@acme.com"}),
        ("contact", {"Email": "joe@acme.com", "Title": False}, {"email": "joe@acme.com", "job_title": False}),
        ("contact", {"Email": "joe@acme.com", "Title": 0}, {"email": "joe@acme.com", "job_title": 0}),
        ("contact", {"Email": "joe@acme.com", "Title": "$secret"}, {"email": "joe@acme.com", "job_title": "$secret"}),
    ],
)
def test_only_mapped_fields_that_are_not_empty(
    entity: Entity, fields: dict[str, object], mapped: dict[str, object]
) -> None:
    assert map_fields(entity, fields, [TITLE]) == mapped


def test_the_identity_cannot_be_mapped_away() -> None:
    other = FieldMapping(source="Other", target="email")
    assert map_fields("contact", {"Email": "joe@acme.com", "Other": "x"}, [other]) == {"email": "joe@acme.com"}
    assert map_fields("contact", {"Other": "x"}, [other]) == {}


@pytest.mark.parametrize(
    ("fields", "country"),
    [
        ({"MailingCountry": "Norway", "Account.BillingCountry": "Sweden"}, "Norway"),
        ({"MailingCountry": "", "Account.BillingCountry": "Sweden"}, "Sweden"),
        ({"MailingCountry": None}, "unknown"),
    ],
)
def test_what_is_empty_is_filled_from_the_next_field_and_in_the_end_by_the_constant(
    fields: dict[str, object], country: str
) -> None:
    mapping = FieldMapping(
        source="MailingCountry", target="country", fallbacks=("Account.BillingCountry",), constant="unknown"
    )
    assert map_fields("contact", fields, [mapping]) == {"country": country}


@pytest.mark.parametrize(
    ("value", "wanted", "filled"),
    [
        (5.0, "text", "5"),
        (5.25, "text", "5.25"),
        (True, "text", "true"),
        ("$$ROOT", "text", "$$ROOT"),
        (5, "number", 5),
        (True, "number", None),
        ("five", "number", None),
        (False, "boolean", False),
        ("2026-11-01", "date", "2026-11-01"),
        (5, "date", None),
        (5, None, 5),
    ],
)
def test_a_field_holds_its_type_or_is_empty(value: object, wanted: TargetType | None, filled: object) -> None:
    mapping = FieldMapping(source="Level__c", target="level", type=wanted)
    assert map_fields("account", {"Level__c": value}, [mapping]) == ({} if filled is None else {"level": filled})


@pytest.mark.parametrize(
    ("entity", "prefer", "fields", "ranks"),
    [
        ("contact", "most_recent", {}, {}),
        ("contact", "contact_over_lead", {}, {"title": 1}),
        ("lead", "contact_over_lead", {}, {}),
        ("lead", "keep_first", {"CreatedDate": "1970-01-01T00:00:05.000Z"}, {"title": -5000}),
        ("lead", "keep_first", {"CreatedDate": "nonsense"}, {"title": -(2**53)}),
    ],
)
def test_who_fills_a_field_when_records_disagree(
    entity: Entity, prefer: Preference, fields: dict[str, object], ranks: dict[str, int]
) -> None:
    assert precedences(entity, fields, [FieldMapping(source="Title", target="title", prefer=prefer)]) == ranks
