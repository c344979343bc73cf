"""What one transaction carries, and what it never does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from schemas.events import Change, Position, Snapshot, Version
from tests.support.waiting import until
from workers.adapters.memory.changelog import MemoryTopics
from workers.capture.committer import (
    PENDING_WEIGHT,
    TEAM_WEIGHT,
    TRANSACTION_WEIGHT,
    Committer,
    Move,
    Submission,
)
from workers.ports import Unavailable

from .capture_rig import record_id

RUNNING = Snapshot(state="running", job_id="750")


def change(number: int) -> Change:
    version = Version(number, 1, 1)
    return Change(
        team="acme", entity="contact", record_id=record_id(number), kind="update", version=version, captured_at_ms=1
    )


def streamed(*numbers: int) -> Submission:
    move = Move("contact", replay_id=str(numbers[-1]), commit_time_ms=numbers[-1])
    return Submission("acme", tuple(change(number) for number in numbers), (move,))


def part(*numbers: int, snapshot: Snapshot | None = None) -> Submission:
    return Submission("acme", tuple(change(number) for number in numbers), (Move("contact", snapshot=snapshot),))


@pytest.fixture
def topics() -> MemoryTopics:
    return MemoryTopics()


@pytest.fixture
async def committer(topics: MemoryTopics) -> AsyncIterator[Committer]:
    log = await topics.open(0)
    committer = Committer(log, await log.positions())
    running = asyncio.create_task(committer.run())
    yield committer
    running.cancel()
    await asyncio.wait([running])


def numbers(topics: MemoryTopics) -> list[list[int]]:
    """The changes of each transaction."""
    return [[change.version.commit_time_ms for change in changes] for changes, _ in topics.transactions]


async def test_changes_and_position_are_one_transaction(topics: MemoryTopics, committer: Committer) -> None:
    await committer.submit(streamed(1, 2))
    await committer.settled("acme")

    position = Position(team="acme", entity="contact", replay_id="2", commit_time_ms=2)
    assert topics.transactions == [((change(1), change(2)), (position,))]
    assert committer.position("acme", "contact") == position


async def test_what_arrives_during_a_commit_is_the_next_transaction(topics: MemoryTopics, committer: Committer) -> None:
    topics.gate.clear()
    await committer.submit(streamed(1))
    await until(lambda: not committer._streams)
    await committer.submit(streamed(2))
    await committer.submit(streamed(3))
    topics.gate.set()
    await committer.settled("acme")

    assert numbers(topics) == [[1], [2, 3]]


async def test_streams_go_first_and_one_part_of_an_import_goes_with_them(
    topics: MemoryTopics, committer: Committer
) -> None:
    topics.gate.clear()
    await committer.submit(streamed(1))
    await until(lambda: not committer._streams)
    imports = [asyncio.create_task(committer.commit(part(number))) for number in (11, 12)]
    await until(lambda: len(committer._parts) == 2)
    await committer.submit(streamed(2))
    topics.gate.set()
    await asyncio.gather(*imports)

    assert numbers(topics) == [[1], [2, 11], [12]]


async def test_stream_and_import_move_one_position_without_undoing_each_other(
    topics: MemoryTopics, committer: Committer
) -> None:
    await committer.commit(part(11, snapshot=RUNNING))
    await committer.submit(streamed(1))
    await committer.settled("acme")

    assert committer.position("acme", "contact").snapshot == RUNNING
    assert committer.position("acme", "contact").replay_id == "1"


async def test_a_replay_id_can_be_forgotten(committer: Committer) -> None:
    await committer.submit(streamed(1))
    await committer.commit(Submission("acme", moves=(Move("contact", forget_replay_id=True),)))

    assert committer.position("acme", "contact").replay_id is None


async def test_a_failed_transaction_moves_nothing_and_ends_the_committer(topics: MemoryTopics) -> None:
    topics.failures = [Unavailable("broker gone")]
    log = await topics.open(0)
    committer = Committer(log, {})
    await committer.submit(streamed(1))

    with pytest.raises(Unavailable, match="broker gone"):
        await committer.run()

    assert topics.changes == []
    assert committer.position("acme", "contact").replay_id is None


async def test_a_team_with_too_much_uncommitted_waits_and_others_do_not(
    topics: MemoryTopics, committer: Committer
) -> None:
    topics.gate.clear()
    await committer.submit(streamed(*range(1, PENDING_WEIGHT + 1)))
    waits = asyncio.create_task(committer.submit(streamed(PENDING_WEIGHT + 1)))
    await committer.submit(Submission("other", (), (Move("lead", replay_id="1"),)))

    assert not waits.done()
    topics.gate.set()
    await waits
    await committer.settled("acme")
    assert committer.position("acme", "contact").replay_id == str(PENDING_WEIGHT + 1)


async def test_a_part_whose_import_was_cancelled_is_not_committed(topics: MemoryTopics, committer: Committer) -> None:
    topics.gate.clear()
    await committer.submit(streamed(1))
    await until(lambda: not committer._streams)
    cancelled = asyncio.create_task(committer.commit(part(11)))
    await until(lambda: len(committer._parts) == 1)
    cancelled.cancel()
    await asyncio.wait([cancelled])
    topics.gate.set()
    await committer.settled("acme")

    assert numbers(topics) == [[1]]


async def test_a_flood_of_one_team_leaves_room_for_the_others(topics: MemoryTopics, committer: Committer) -> None:
    other = Submission("other", (change(9_999).model_copy(update={"team": "other"}),))
    await committer.submit(other)
    await committer.settled("other")
    topics.gate.clear()
    await committer.submit(streamed(0))
    await until(lambda: not committer._streams)
    for number in range(1, TRANSACTION_WEIGHT + 1, 100):
        await committer.submit(streamed(*range(number, number + 100)))
    await committer.submit(other)
    topics.gate.set()
    await committer.settled("other")

    flooded = topics.transactions[2][0]
    assert [one.team for one in flooded].count("acme") == TEAM_WEIGHT
    assert [one.team for one in flooded].count("other") == 1
    await committer.settled("acme")
    assert [n for number in numbers(topics)[1:] for n in number if n != 9_999] == list(range(TRANSACTION_WEIGHT + 1))


async def test_large_changes_close_a_transaction_early(topics: MemoryTopics, committer: Committer) -> None:
    topics.gate.clear()
    await committer.submit(streamed(0))
    await until(lambda: not committer._streams)
    large = [
        Submission("acme", (change(number).model_copy(update={"fields": {"Description": "x" * 900_000}}),))
        for number in range(1, 8)
    ]
    for submission in large:
        await committer.submit(submission)
    topics.gate.set()
    await committer.settled("acme")

    assert large[0].weight > 200
    assert numbers(topics) == [[0], [1, 2, 3, 4, 5], [6, 7]]
