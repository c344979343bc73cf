"""The change stream: nothing is lost without a word."""

from __future__ import annotations

import asyncio
import time

import pytest

from schemas.events import Entity
from tests.support.waiting import until
from workers.ports import Refused, StreamEnded, Unavailable

from .connected_team import Connect

NEW_ONLY: dict[Entity, str | None] = {"contact": None, "lead": None, "account": None}


async def test_events_arrive_in_order_with_their_replay_ids(connect: Connect) -> None:
    setup = await connect()
    async with setup.streaming(NEW_ONLY) as stream:
        ids = setup.create_contacts(50)
        events = await stream.take(50)
    assert [event.payload["ChangeEventHeader"]["recordIds"] for event in events] == [[one] for one in ids]
    replay_ids = [int(event.replay_id) for event in events]
    assert replay_ids == sorted(set(replay_ids))
    assert {(event.entity, event.received_at_ms) for event in events} == {("contact", 1_700_000_000_000)}


async def test_a_stream_resumes_after_the_stored_position(connect: Connect) -> None:
    setup = await connect()
    async with setup.streaming(NEW_ONLY) as stream:
        setup.create_contacts(3)
        seen = await stream.take(3)
    missed = setup.create_contacts(4)
    async with setup.streaming({"contact": seen[-1].replay_id, "lead": None, "account": None}) as stream:
        events = await stream.take(4)
    assert [event.payload["ChangeEventHeader"]["recordIds"][0] for event in events] == missed


async def test_more_events_than_the_library_would_keep(connect: Connect) -> None:
    setup = await connect()
    async with setup.streaming(NEW_ONLY) as stream:
        setup.create_contacts(700)
        assert len(await stream.take(700)) == 700


async def test_quiet_polls_end_nothing(connect: Connect) -> None:
    setup = await connect()
    async with setup.streaming(NEW_ONLY) as stream:
        waiting = asyncio.ensure_future(stream.take(1))
        await until(lambda: max(s.polls for s in setup.sandbox.cometd_sessions._sessions.values()) >= 3)
        setup.create_contacts(1)
        assert len(await waiting) == 1


async def test_a_forgotten_session_is_reported_and_nothing_is_missed(connect: Connect) -> None:
    setup = await connect()
    seen = []
    async with setup.streaming(NEW_ONLY) as stream:
        setup.create_contacts(20)
        seen += await stream.take(20)
        setup.sandbox.cometd_sessions.forget_all()
        setup.create_contacts(5, "Between")
        with pytest.raises(Unavailable, match="403::Unknown client"):
            await stream.rest(into=seen)
    async with setup.streaming({"contact": seen[-1].replay_id, "lead": None, "account": None}) as stream:
        seen += await stream.take(25 - len(seen))
    assert len({event.replay_id for event in seen}) == 25


async def test_a_forgotten_session_costs_no_login(connect: Connect) -> None:
    setup = await connect()
    async with setup.streaming(NEW_ONLY) as stream:
        before = setup.sandbox.tokens._access.copy()
        setup.sandbox.cometd_sessions.forget_all()
        with pytest.raises(Unavailable):
            await stream.take(1)
    assert setup.sandbox.tokens._access == before


async def test_an_unknown_replay_id_is_refused_and_the_other_channels_stream(connect: Connect) -> None:
    setup = await connect()
    async with setup.streaming({"contact": None, "lead": "99999999", "account": "88888888"}) as stream:
        refused = stream.first.refused
        setup.create_contacts(1)
        assert len(await stream.take(1)) == 1
    assert {entity: refusal.trouble for entity, refusal in refused.items()} == {
        "lead": "replay_refused",
        "account": "replay_refused",
    }


async def test_an_object_that_is_not_selected_names_what_an_administrator_does(connect: Connect) -> None:
    setup = await connect(cdc_entities=("Contact", "Lead"))
    async with setup.streaming(NEW_ONLY) as stream:
        setup.create_contacts(1)
        assert len(await stream.take(1)) == 1
    (entity,) = stream.first.refused
    assert (entity, stream.first.refused[entity].trouble) == ("account", "forbidden")
    assert "select Account under Setup > Change Data Capture" in stream.first.refused[entity].reason


async def test_a_quiet_poll_tells_until_when_nothing_happened(connect: Connect) -> None:
    setup = await connect()
    async with setup.streaming(NEW_ONLY) as stream:
        batch = await anext(stream.batches)
    assert not batch.events
    assert batch.answered_ms is not None
    assert abs(batch.answered_ms / 1000 - time.time()) < 60, "the server's clock, to the second"


async def test_a_revoked_token_ends_the_stream_and_is_not_used_again(connect: Connect) -> None:
    setup = await connect()
    async with setup.streaming(NEW_ONLY) as stream:
        setup.sandbox.tokens.revoke_access_tokens()
        setup.create_contacts(1)
        with pytest.raises(StreamEnded) as ended:
            await stream.rest(into=[])
    assert ended.value.trouble == "authentication"
    async with setup.streaming(NEW_ONLY) as stream:
        setup.create_contacts(3)
        assert len(await stream.take(3)) == 3


async def test_a_revoked_authorisation_ends_the_stream_as_refused(connect: Connect) -> None:
    setup = await connect()
    async with setup.streaming(NEW_ONLY) as stream:
        object.__setattr__(setup.sandbox.org.config, "client_secret", "CHANGED")
        setup.sandbox.tokens.revoke_access_tokens()
        with pytest.raises(StreamEnded):
            await stream.rest(into=[])
    with pytest.raises(Refused, match="segment-sync connections connect acme"):
        async with setup.streaming(NEW_ONLY):
            pass


async def test_an_org_that_goes_away_names_its_host(connect: Connect) -> None:
    setup = await connect()
    host = setup.sandbox.base_url.removeprefix("http://")
    async with setup.streaming(NEW_ONLY) as stream:
        setup.sandbox.outage.start(60)
        setup.sandbox.cometd_sessions.wake_all()
        with pytest.raises(Unavailable):
            await stream.take(1)
    with pytest.raises(Unavailable):
        async with setup.streaming(NEW_ONLY):
            pass
    await setup.sandbox.close()
    with pytest.raises(Unavailable, match=host):
        async with setup.streaming(NEW_ONLY):
            pass


async def test_closing_the_stream_leaves_no_task_and_no_session(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    setup = await connect()
    before = asyncio.all_tasks()
    async with setup.streaming(NEW_ONLY):
        assert len(setup.sandbox.cometd_sessions) == 1
    assert len(setup.sandbox.cometd_sessions) == 0
    await until(lambda: not {task for task in asyncio.all_tasks() - before if "aiocometd" in repr(task)})
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]
