from __future__ import annotations

import pytest

from schemas.documents import FieldMapping
from schemas.events import Entity
from workers.core.mapping import map_fields

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
