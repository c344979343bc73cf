"""What was scored for merged records goes to their survivors (decision 0005)."""

from __future__ import annotations

import pytest

from schemas.documents import LastKnown, Record
from schemas.events import Entity, Version
from workers.core.survivors import NOT_MERGED

from .insights_rig import TEAM, Rig, record_id

WEBSITES: dict[Entity, str] = {"account": "https://www.joe.org"}


@pytest.fixture
async def rig() -> Rig:
    rig = Rig()
    await rig.connect()
    return rig


def gone(entity: Entity, number: int, survivor: str, value: str = "Joe@home.com") -> Record:
    return Record(
        team=TEAM,
        record_id=record_id(entity, number),
        entity=entity,
        full_version=Version(2, 0, 0),
        last_known=LastKnown(value=WEBSITES.get(entity, value), version=Version(1, 0, 0)),
        survivor=survivor,
    )


def converted(number: int, contact: int) -> Record:
    fields = {"IsConverted": True, "ConvertedContactId": record_id("contact", contact)}
    return Record(team=TEAM, record_id=record_id("lead", number), entity="lead", alive=True, fields=fields)


async def mirror(rig: Rig, *records: Record) -> None:
    assert not await rig.store.records.swap(records)


async def planned(rig: Rig) -> dict[str, float]:
    """By record, of a run; the next one finds nothing to do."""
    rows = await rig.rows(await rig.write_back())
    assert (await rig.write_back()).planned == 0
    return {each: row.score for each, row in rows.items() if row.score is not None}


@pytest.mark.parametrize(("scored_at_ms", "kept"), [(2, 80.0), (4, 20.0)])
async def test_the_score_given_last_counts_be_it_the_survivors_own_or_not(
    rig: Rig, scored_at_ms: int, kept: float
) -> None:
    await rig.person("joe@home.com")
    await rig.person("ann@acme.com", ("contact", 2))
    await rig.score("person", "joe@home.com", 80.0, scored_at_ms=3)
    await rig.score("person", "ann@acme.com", 20.0, scored_at_ms=scored_at_ms)
    await mirror(rig, gone("contact", 1, record_id("contact", 2)))
    assert await planned(rig) == {record_id("contact", 2): kept}


async def test_it_goes_to_a_survivor_that_has_none(rig: Rig) -> None:
    rig.org.holds("contact", 2)
    await rig.score("person", "joe@home.com", 80.0)
    await mirror(rig, gone("contact", 1, record_id("contact", 2)))
    assert await planned(rig) == {record_id("contact", 2): 80.0}


async def test_who_still_has_the_address_is_written_too(rig: Rig) -> None:
    rig.org.holds("contact", 2)
    await rig.person("joe@home.com", ("lead", 1), score=80.0)
    await mirror(rig, gone("contact", 1, record_id("contact", 2)))
    assert await planned(rig) == {record_id("contact", 2): 80.0, record_id("lead", 1): 80.0}


async def test_accounts_by_their_domain(rig: Rig) -> None:
    await rig.account("acme.com", ("account", 2))
    await rig.score("account", "acme.com", 20.0, scored_at_ms=1)
    await rig.score("account", "joe.org", 80.0, scored_at_ms=2)
    await mirror(rig, gone("account", 1, record_id("account", 2)))
    assert await planned(rig) == {record_id("account", 2): 80.0}


async def test_of_a_chain_the_last_one_takes_what_was_scored_last(rig: Rig) -> None:
    await rig.person("ann@acme.com", ("contact", 3), score=20.0)
    await rig.score("person", "joe@home.com", 80.0, scored_at_ms=2)
    await rig.score("person", "joe@work.com", 90.0, scored_at_ms=3)
    await mirror(
        rig,
        gone("contact", 1, record_id("contact", 2)),
        gone("contact", 2, record_id("contact", 3), "joe@work.com"),
    )
    assert await planned(rig) == {record_id("contact", 3): 90.0}


@pytest.mark.parametrize(("own", "kept"), [(None, 80.0), (20.0, 20.0)])
async def test_a_lead_whose_contact_was_merged(rig: Rig, own: float | None, kept: float) -> None:
    """As with every converted lead: a score of the contact's own comes first, whenever it was given."""
    rig.org.holds("contact", 3)
    await rig.person("lead@home.com", ("lead", 1))
    await rig.person("ann@acme.com", ("contact", 3), score=own)
    await rig.score("person", "lead@home.com", 80.0, scored_at_ms=9)
    into = gone("contact", 1, record_id("contact", 2)), gone("contact", 2, record_id("contact", 3), "joe@work.com")
    await mirror(rig, converted(1, contact=1), *into)
    assert await planned(rig) == {record_id("contact", 3): kept}


async def test_a_lead_that_was_merged_into_one_that_was_converted(rig: Rig) -> None:
    rig.org.holds("contact", 3)
    await rig.score("person", "joe@home.com", 80.0)
    await mirror(rig, gone("lead", 1, record_id("lead", 2)), converted(2, contact=3))
    assert await planned(rig) == {record_id("contact", 3): 80.0}


async def test_a_survivor_that_was_deleted_takes_nothing(rig: Rig) -> None:
    await rig.score("person", "joe@home.com", 80.0)
    await mirror(rig, gone("contact", 1, record_id("contact", 2)), gone("contact", 2, NOT_MERGED, "x@acme.com"))
    assert await planned(rig) == {}


async def test_records_that_seem_to_be_merged_into_each_other_take_nothing(rig: Rig) -> None:
    """For a moment, while an undeletion is on its way."""
    await rig.score("person", "joe@home.com", 80.0)
    await mirror(rig, gone("contact", 1, record_id("contact", 2)), gone("contact", 2, record_id("contact", 1)))
    assert await planned(rig) == {}
