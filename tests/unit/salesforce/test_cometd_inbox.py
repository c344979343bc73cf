"""What has arrived is bounded, and a consumer that is too slow ends the session in order."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.waiting import until
from workers.adapters.salesforce import cometd_inbox
from workers.adapters.salesforce.cometd_inbox import PENDING_BYTES, PENDING_EVENTS, Inbox
from workers.adapters.salesforce.cometd_watch import Watch
from workers.ports import StreamEnded


class Clock:
    def now_ms(self) -> int:
        return 5


def messages(count: int) -> list[dict[str, Any]]:
    return [
        {"channel": "/data/LeadChangeEvent", "data": {"payload": {}, "event": {"replayId": n}}} for n in range(count)
    ]


@pytest.fixture
async def watch() -> Watch:
    return Watch("acme")


@pytest.fixture
def inbox(watch: Watch) -> Inbox:
    return Inbox(watch, Clock(), {})


@pytest.mark.parametrize(("count", "size"), [(PENDING_EVENTS, 1), (1, PENDING_BYTES)])
async def test_the_next_poll_waits_for_the_consumer(inbox: Inbox, watch: Watch, count: int, size: int) -> None:
    putting = asyncio.create_task(inbox.put(messages(count), size, None))
    await until(watch.wake.is_set)
    assert not putting.done()

    batch = inbox.take()
    assert batch is not None
    assert len(batch.events) == count
    await putting
    assert inbox.take() is None


async def test_just_before_the_server_would_it_ends_the_session(
    inbox: Inbox, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cometd_inbox, "RETURN_SECONDS", 0.01)
    await inbox.put(messages(PENDING_EVENTS), 1, None)

    assert isinstance(watch.failure, StreamEnded)
    assert watch.failure.trouble == "congested"
    await inbox.put(messages(1), 1, None)
    batch = inbox.take()
    assert batch is not None
    assert len(batch.events) == PENDING_EVENTS, "what came before is still handed on, what came after is not"


async def test_quiet_polls_tell_the_servers_time(inbox: Inbox, watch: Watch) -> None:
    await inbox.put([], 0, 77)
    assert inbox.take() is None, "not held: answered early"
    watch.held = True
    await inbox.put([], 0, 77)
    batch = inbox.take()
    assert batch is not None
    assert (batch.events, batch.answered_ms) == ([], 77)
