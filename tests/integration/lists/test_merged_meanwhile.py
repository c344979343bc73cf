"""A merge that happened while nobody listened, so long ago that its events are gone: the recycle bin tells of it."""

from __future__ import annotations

from sandbox.org.rows.writes import Actor
from sandbox.org.store.merging import merge
from tests.support.waiting import until
from workers.adapters.memory.documents import MemoryDocuments
from workers.runtime.process import SystemClock

from .pipeline import Pipeline

VPS = {"field": "Title", "operator": "like", "values": ["'V%'"]}
FOUR_DAYS_SECONDS = 4 * 86_400


async def test_the_merged_are_one_when_we_return(team: Pipeline) -> None:
    list_id = await team.list_of(VPS)
    async with team.running(clock=SystemClock()):
        await team.use()
        await team.agree(list_id)
    rows = sorted(team.sandbox.org.rows("Contact"), key=lambda row: str(row["Id"]))
    winner, loser = [row for row in rows if str(row.get("Email")).lower() in team.people()][:2]
    kept, gone = str(winner["Email"]).lower(), str(loser["Email"]).lower()
    assert {kept, gone} <= team.people()

    org = team.sandbox.org
    actor = Actor(org.admin_user_id, "rest", None)
    merge(org, "Contact", str(winner["Id"]), [str(loser["Id"])], {"Department": "merged"}, actor)
    org.clock.advance(FOUR_DAYS_SECONDS)
    async with team.running(clock=SystemClock()):
        await until(lambda: gone not in team.people())
        await team.agree(list_id)
        assert kept in team.people()
    assert isinstance(team.store.records, MemoryDocuments)
    (record,) = (each for each in team.store.records.all("acme") if each.record_id == winner["Id"])
    assert record.fields["Department"] == "merged"
