from __future__ import annotations

from typing import Any

import pytest

from schemas.documents import Record
from schemas.events import Entity
from workers.core.follow import accounts_due

CONTACT, ACME, GLOBEX = "003000000000001AAA", "001000000000001AAA", "001000000000002AAA"


def contact(
    account: Any = ACME, *, imported: bool = True, entity: Entity = "contact", due: tuple[str, ...] = ()
) -> Record:
    return Record(
        team="acme",
        record_id=CONTACT,
        entity=entity,
        alive=True,
        imported=imported,
        fields={"AccountId": account},
        accounts_due=due,
    )


@pytest.mark.parametrize(
    ("before", "after", "due"),
    [
        (None, contact(), (ACME,)),
        (None, contact(imported=False), ()),
        (None, contact(None), ()),
        (None, contact(7), ()),
        (None, contact(entity="lead"), ()),
        (contact(), contact(), ()),
        (contact(imported=False), contact(), (ACME,)),
        (contact(), contact(imported=False), (ACME,)),
        (contact(), contact(None), (ACME,)),
        (contact(), contact(GLOBEX), (ACME, GLOBEX)),
        (contact(imported=False), contact(GLOBEX, imported=False), ()),
    ],
)
def test_an_account_is_due_when_an_imported_contact_comes_goes_or_moves(
    before: Record | None, after: Record, due: tuple[str, ...]
) -> None:
    assert accounts_due(before, after) == due


def test_what_was_due_stays_due_once() -> None:
    assert accounts_due(contact(due=(ACME,)), contact(GLOBEX, due=(ACME,))) == (ACME, GLOBEX)
    assert accounts_due(contact(), contact(due=(GLOBEX,))) == (GLOBEX,)
