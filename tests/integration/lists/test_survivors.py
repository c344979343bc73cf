"""Merges in a simulated org, asked for over the wire: who came by a converted lead goes on as the survivor."""

from __future__ import annotations

from sandbox.org.rows.writes import Actor, Write
from sandbox.org.store.conversion import Conversion, convert
from sandbox.org.store.merging import merge
from schemas.documents import Record
from tests.support.waiting import until
from workers.core.survivors import NOT_MERGED

from .pipeline import Pipeline

OF_ACME = {"field": "Company", "operator": "equals", "values": ["'Acme Rockets'"]}


async def test_a_converted_lead_goes_on_as_the_survivor_of_its_contact(team: Pipeline) -> None:
    await team.list_of(OF_ACME, object="Lead")
    lead = made(team, "Lead", LastName="Doe", Company="Acme Rockets", Email="joe@rockets.example.org")
    survivor = made(team, "Contact", LastName="Doe", Email="ann@rockets.example.org")
    last = made(team, "Contact", LastName="Doe", Email="bob@rockets.example.org")
    lone = made(team, "Contact", LastName="Roe", Email="roe@rockets.example.org")
    async with team.running():
        await team.use(entity="lead")
        await until(lambda: team.people() == {"joe@rockets.example.org"})
        contact = convert(team.sandbox.org, Conversion(lead), actor(team)).contact_id
        await until(lambda: contact is not None and mirrored(team, contact) is not None)

        merge(team.sandbox.org, "Contact", survivor, [str(contact)], {}, actor(team))
        await until(lambda: team.people() == {"ann@rockets.example.org"})
        merge(team.sandbox.org, "Contact", last, [survivor], {}, actor(team))
        await until(lambda: team.people() == {"bob@rockets.example.org"})

        team.commit(Write("delete", "Contact", lone, {}))
        await until(lambda: fate(team, lone) == NOT_MERGED)
        assert (fate(team, str(contact)), fate(team, survivor)) == (survivor, last)

        team.commit(Write("undelete", "Contact", survivor, {}))
        await until(lambda: team.people() == {"ann@rockets.example.org"})


def actor(team: Pipeline) -> Actor:
    return Actor(team.sandbox.org.admin_user_id, "rest", None)


def made(team: Pipeline, name: str, **fields: str) -> str:
    (result,) = team.sandbox.org.commit([Write("create", name, None, dict(fields))], actor(team))
    assert result.success, result
    return str(result.record_id)


def mirrored(team: Pipeline, record_id: str) -> Record | None:
    return next((each for each in team.records() if each.record_id == record_id), None)


def fate(team: Pipeline, record_id: str) -> str | None:
    record = mirrored(team, record_id)
    return None if record is None else record.survivor
