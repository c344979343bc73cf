"""Killed runs are resumed, and two workers do not do one run."""

from __future__ import annotations

import asyncio

import pytest

from schemas.documents import Connection, Insight, WritebackRun
from workers.insights.claim import SILENCE_MS, Claims, TakenOver
from workers.ports import IngestState, Refused, SalesforceOrg, Unavailable

from .insights_rig import TEAM, BulkOrg, Death, FakeClock, Killed, Rig, record_id

RECORDS = [record_id("account", 1), record_id("contact", 1), record_id("contact", 2), record_id("lead", 1)]
REJECTED = record_id("lead", 2)


async def three_jobs() -> Rig:
    rig = Rig()
    await rig.connect()
    await rig.person("ada@acme.com", ("contact", 1), ("lead", 1), score=1.5)
    await rig.person("bob@acme.com", ("contact", 2), ("lead", 2), score=2.5)
    await rig.account("acme.com", ("account", 1), score=3.5)
    rig.org.row_errors[REJECTED] = "ENTITY_IS_DELETED:entity is deleted:--"
    return rig


async def resumed(rig: Rig) -> WritebackRun:
    """By another process, which first sees the run stand still."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workers.insights.worker.ENDED_LOOK_SECONDS", 0.0)
        (run,) = await rig.insights(clock=SteppingClock(rig.clock.ms)).write_back(TEAM, again=False)
    return run


class SteppingClock(FakeClock):
    """Time passes with every look at it."""

    def now_ms(self) -> int:
        self.ms += SILENCE_MS // 4
        return self.ms


async def calls_of_a_run() -> int:
    rig, death = await three_jobs(), Death(at=0, after=False)
    await rig.insights(death.store(rig.store), death.org(rig.org)).write_back(TEAM, again=False)
    return death.calls


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.usefixtures("by_job")
async def test_a_run_killed_at_any_call_is_resumed_to_the_same_end(after: bool) -> None:
    calls = await calls_of_a_run()
    assert calls > 45
    for k in range(1, calls + 1):
        rig = await three_jobs()
        death = Death(at=k, after=after)
        with pytest.raises(Killed):
            await rig.insights(death.store(rig.store), death.org(rig.org)).write_back(TEAM, again=False)
        run = await resumed(rig)
        assert (run.state, run.planned, run.accepted, run.rejected, run.unprocessed) == ("done", 5, 4, 1, 0), k
        rows = await rig.rows(run)
        assert {each.record_id for each in rows.values() if each.outcome == "accepted"} == set(RECORDS), k
        assert {each.record_id async for each in rig.store.insights.scan(TEAM)} == set(RECORDS), k
        assert rig.org.writes == dict.fromkeys(RECORDS, 1), k  # no job was done twice
        assert rig.org.left_open == [], k
        assert (await rig.write_back()).planned == 1, k  # the rejected one


@pytest.mark.usefixtures("by_job")
async def test_a_job_aborted_meanwhile_is_sent_again() -> None:
    rig = await three_jobs()
    death = Death(at=1 + await calls_before(b"ingest_complete"), after=False)
    with pytest.raises(Killed):
        await rig.insights(death.store(rig.store), death.org(rig.org)).write_back(TEAM, again=False)
    (stored,) = [each async for each in rig.store.writeback_runs.scan(TEAM)]
    (job_id,) = stored.jobs.values()
    await rig.org.ingest_abort(job_id)
    run = await resumed(rig)
    assert run.state == "done"
    assert rig.org.writes == dict.fromkeys(RECORDS, 1)
    assert job_id not in run.jobs.values()


async def calls_before(name: bytes) -> int:
    """Calls of a run up to the first of this name."""
    rig, death = await three_jobs(), Death(at=0, after=False)
    org = rig.org
    seen: list[int] = []
    complete = org.ingest_complete

    async def noted(job_id: str) -> None:
        seen.append(death.calls - 1)
        await complete(job_id)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(org, name.decode(), noted)
        await rig.insights(death.store(rig.store), death.org(org)).write_back(TEAM, again=False)
    return seen[0]


class SlowOrg(BulkOrg):
    """Its jobs take until `finish` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.polled = asyncio.Event()
        self.finish = asyncio.Event()

    async def ingest_state(self, job_id: str) -> IngestState:
        state = await super().ingest_state(job_id)
        self.polled.set()
        return state if self.finish.is_set() else IngestState("InProgress", 0, 0)


@pytest.fixture
async def slow(by_job: None) -> tuple[Rig, SlowOrg]:
    rig, org = Rig(), SlowOrg()
    rig.org = org
    await rig.connect()
    await rig.person("ada@acme.com", ("contact", 1), score=1)
    return rig, org


async def test_two_workers_with_one_run_id_do_it_once(slow: tuple[Rig, SlowOrg]) -> None:
    rig, org = slow
    first = asyncio.create_task(rig.insights().write_back(TEAM, again=False))
    await asyncio.wait_for(org.polled.wait(), 5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workers.insights.worker.ENDED_LOOK_SECONDS", 0.0)
        second = asyncio.create_task(rig.insights().write_back(TEAM, again=False))
        await asyncio.sleep(0)
        org.finish.set()
        assert await first == await second
    assert len(org.uploads) == 1
    assert org.calls.count("ingest_create") == 1


async def test_a_run_that_moves_is_left_alone_and_one_that_stands_still_is_taken_over(
    slow: tuple[Rig, SlowOrg], monkeypatch: pytest.MonkeyPatch
) -> None:
    rig, org = slow
    monkeypatch.setattr("workers.insights.claim.BEAT_SECONDS", 3600)
    first = asyncio.create_task(rig.insights().write_back(TEAM, again=False))
    await asyncio.wait_for(org.polled.wait(), 5)
    (run,) = [each async for each in rig.store.writeback_runs.scan(TEAM)]
    other = Claims(rig.store, rig.clock)
    assert (await other.take(TEAM, run.run_id))[0] is None
    rig.clock.ms += SILENCE_MS
    assert not await rig.store.writeback_runs.swap([run])  # as the heart beats
    assert (await other.take(TEAM, run.run_id))[0] is None
    rig.clock.ms += SILENCE_MS - 1
    assert (await other.take(TEAM, run.run_id))[0] is None
    rig.clock.ms += 1
    claim, taken = await other.take(TEAM, run.run_id)
    assert claim is not None
    org.finish.set()
    with pytest.raises(TakenOver, match="another worker has taken over the write-back run"):
        await first
    assert (await rig.store.writeback_runs.load([(TEAM, run.run_id)]))[TEAM, run.run_id] == taken


async def revision(rig: Rig) -> int:
    (run,) = [each async for each in rig.store.writeback_runs.scan(TEAM)]
    return run.rev


async def test_the_heart_beats_while_a_job_is_slow(slow: tuple[Rig, SlowOrg], monkeypatch: pytest.MonkeyPatch) -> None:
    rig, org = slow
    monkeypatch.setattr("workers.insights.claim.BEAT_SECONDS", 0.001)
    running = asyncio.create_task(rig.insights().write_back(TEAM, again=False))
    await asyncio.wait_for(org.polled.wait(), 5)
    before = await revision(rig)
    async with asyncio.timeout(5):
        while await revision(rig) < before + 3:  # noqa: ASYNC110 - the store tells nobody
            await asyncio.sleep(0.001)
    org.finish.set()
    (run,) = await running
    assert run.state == "done"


async def test_a_run_beside_another_of_the_same_records_ends_well(
    slow: tuple[Rig, SlowOrg], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By hand during the daily one: both have written, the insight is that of the later."""
    rig, org = slow
    org.finish.set()
    swap, first = rig.store.insights.swap, [True]

    async def crossed(insights: list[Insight]) -> object:
        if first:
            first.clear()
            await rig.score("person", "ada@acme.com", 9)
            await rig.write_back()
        return await swap(insights)

    monkeypatch.setattr(rig.store.insights, "swap", crossed)
    (run,) = await rig.insights().write_back(TEAM, again=False)
    assert run.state == "done"
    kept = [insight async for insight in rig.store.insights.scan(TEAM)]
    assert {(insight.rev, insight.score) for insight in kept} == {(2, 1.0)}


class DownOrg(BulkOrg):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.failures["ingest_create"] = [error] * 9


async def two_teams(rig: Rig, error: Exception) -> dict[str, SalesforceOrg]:
    """The first of them has an org that answers with the error."""
    await rig.connect("aardvark")
    (member,) = [each async for each in rig.store.people.scan(TEAM)]
    (score,) = [each async for each in rig.store.engagement.scan(TEAM)]
    theirs = {"team": "aardvark", "rev": 0}
    assert not await rig.store.people.swap([member.model_copy(update=theirs)])
    assert not await rig.store.engagement.swap([score.model_copy(update=theirs)])
    return {"aardvark": DownOrg(error), TEAM: rig.org}


@pytest.mark.usefixtures("by_job")
async def test_what_salesforce_refuses_fails_the_run_and_the_other_teams_go_on(rig: Rig) -> None:
    await rig.person("ada@acme.com", ("contact", 1), score=1)
    orgs = await two_teams(rig, Refused("INVALID_TYPE: give the connected user access to the object"))
    refused, done = await rig.insights(orgs=orgs).write_back(None, again=False)
    assert (refused.team, refused.state, refused.planned, refused.unprocessed) == ("aardvark", "failed", 1, 1)
    assert refused.detail == "INVALID_TYPE: give the connected user access to the object"
    assert (done.team, done.state, done.accepted) == (TEAM, "done", 1)


@pytest.mark.usefixtures("by_job")
async def test_an_org_that_is_down_holds_up_no_other_team(rig: Rig) -> None:
    await rig.person("ada@acme.com", ("contact", 1), score=1)
    orgs = await two_teams(rig, Unavailable("Salesforce does not answer at acme.example"))
    with pytest.raises(Unavailable, match="does not answer"):
        await rig.insights(orgs=orgs).write_back(None, again=False)
    assert len(rig.org.uploads) == 1
    runs = {each.team: each.state for team in ("aardvark", TEAM) async for each in rig.store.writeback_runs.scan(team)}
    assert runs == {"aardvark": "running", TEAM: "done"}


async def test_a_team_that_is_not_connected_is_named(rig: Rig) -> None:
    with pytest.raises(Refused, match="team nobody is not connected: `segment-sync connections connect nobody`"):
        await rig.insights().write_back("nobody", again=True)


async def test_a_disabled_team_is_left_alone(rig: Rig) -> None:
    (connection,) = [each async for each in rig.store.connections.scan(TEAM)]
    disabled: Connection = connection.model_copy(update={"state": "disabled"})
    assert not await rig.store.connections.swap([disabled])
    assert await rig.insights().write_back(None, again=False) == []
