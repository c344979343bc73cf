"""What every `ChangeLog` promises. Without it a position could move past a change that nobody will ever see."""

from __future__ import annotations

import asyncio

import pytest

from schemas.events import Change, Parked, Position, Snapshot, Version
from workers.ports import Fenced, Unavailable

from .conftest import Logs


def change(number: int, text: str = "x") -> Change:
    return Change(
        team="acme",
        entity="contact",
        record_id=f"003{number:012d}AAA",
        kind="update",
        version=Version(number, 1719908906839613442, 1),
        fields={"Title": text, "$x": None, "n": 1.5, "ü": True},
        replay_id=str(number),
        captured_at_ms=number,
    )


def position(replay_id: int, team: str = "acme") -> Position:
    snapshot = Snapshot(state="running", job_id="750", locator="7", rows=3)
    return Position(team=team, entity="contact", replay_id=str(replay_id), commit_time_ms=1, snapshot=snapshot)


def parked(number: int) -> Parked:
    return Parked(
        team="acme", topic="t", replay_id=str(number), reason="malformed", detail="d", payload="{}", parked_at_ms=1
    )


async def ids(logs: Logs) -> list[int]:
    return sorted(change.version.commit_time_ms for change in await logs.changes())


async def test_a_new_shard_has_no_positions(logs: Logs) -> None:
    assert await (await logs.open()).positions() == {}


async def test_changes_positions_and_parked_messages_become_visible_together(logs: Logs) -> None:
    log = await logs.open()
    await log.append([change(1), change(2)], [position(2), position(5, "globex")], [parked(3)])

    assert sorted(await logs.changes(), key=lambda c: c.version) == [change(1), change(2)]
    assert await logs.parked() == [parked(3)]
    expected = {("acme", "contact"): position(2), ("globex", "contact"): position(5, "globex")}
    assert await log.positions() == expected
    assert await (await logs.open()).positions() == expected


async def test_the_last_position_counts(logs: Logs) -> None:
    log = await logs.open()
    for number in range(1, 6):
        await log.append([change(number)], [position(number)])

    assert await (await logs.open()).positions() == {("acme", "contact"): position(5)}
    assert await ids(logs) == [1, 2, 3, 4, 5]


async def test_a_position_may_move_without_a_change(logs: Logs) -> None:
    await (await logs.open()).append([], [position(1)])

    assert await (await logs.open()).positions() == {("acme", "contact"): position(1)}


async def test_whoever_opens_the_shard_fences_its_predecessor(logs: Logs) -> None:
    zombie = await logs.open()
    await zombie.append([change(1)], [position(1)])
    owner = await logs.open()

    with pytest.raises(Fenced):
        await zombie.append([change(2)], [position(2)])

    await owner.append([change(3)], [position(3)])
    assert await ids(logs) == [1, 3]
    assert await (await logs.open()).positions() == {("acme", "contact"): position(3)}


async def test_a_fenced_log_stays_unusable(logs: Logs) -> None:
    zombie = await logs.open()
    await logs.open()
    with pytest.raises(Fenced):
        await zombie.append([change(2)], [position(2)])

    with pytest.raises(Unavailable, match="open it again"):
        await zombie.append([change(2)], [position(2)])
    with pytest.raises(Unavailable, match="open it again"):
        await zombie.positions()


async def test_a_closed_log_refuses_to_write(logs: Logs) -> None:
    log = await logs.open()
    await log.close()

    with pytest.raises(Unavailable, match="open it again"):
        await log.append([change(1)], [position(1)])
    assert await ids(logs) == []


async def test_a_change_that_is_too_large_is_parked_in_the_same_transaction(logs: Logs) -> None:
    log = await logs.open()
    await log.append([change(1), change(2, "x" * 1_100_000), change(3)], [position(3)])

    assert await ids(logs) == [1, 3]
    (message,) = await logs.parked()
    assert (message.team, message.reason, message.replay_id) == ("acme", "too_large", "2")
    assert message.topic == "salesforce.contact.changes"
    assert change(2).record_id in message.detail
    assert await (await logs.open()).positions() == {("acme", "contact"): position(3)}


async def test_the_largest_change_that_fits_is_sent(logs: Logs) -> None:
    log = await logs.open()
    rest = len(change(1, "").model_dump_json().encode())
    await log.append([change(1, "x" * (1_048_576 - 1024 - rest))], [position(1)])

    assert await ids(logs) == [1]


async def test_many_changes_in_one_transaction(logs: Logs) -> None:
    log = await logs.open()
    await log.append([change(number, "y" * 2000) for number in range(1500)], [position(1500)])

    assert await ids(logs) == list(range(1500))


async def test_a_cancelled_append_leaves_all_or_nothing(logs: Logs) -> None:
    log = await logs.open()
    appending = asyncio.create_task(log.append([change(number) for number in range(1, 500)], [position(499)]))
    await asyncio.sleep(0)
    appending.cancel()
    await asyncio.wait([appending])

    positions = await (await logs.open()).positions()
    assert await ids(logs) == (list(range(1, 500)) if positions else [])


async def test_a_zombie_learns_that_it_is_fenced_also_in_the_middle_of_sending(logs: Logs) -> None:
    zombie = await logs.open()
    await zombie.append([change(1)], [position(1)])
    await logs.open()

    with pytest.raises(Fenced):
        await zombie.append([change(number, "z" * 500) for number in range(2, 3000)], [position(2)])
    assert await ids(logs) == [1]
