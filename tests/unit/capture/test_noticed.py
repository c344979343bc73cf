"""What a capture process notices in the store, and what that costs while nothing happens."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from schemas.documents import Connection
from tests.support.waiting import until
from workers.adapters.memory.store import memory_store
from workers.capture.noticed import looks
from workers.capture.noticed.roster import Roster
from workers.core.capture.shards import shard_of
from workers.ports import Store, Unavailable

from .capture_rig import Rig, connection


class Asked:
    """Counts the calls of a port, and fails the next ones on demand."""

    def __init__(self, port: Any) -> None:
        self._port = port
        self.calls: Counter[str] = Counter()
        self.broken = False

    def __getattr__(self, name: str) -> Any:
        async def call(*given: Any) -> Any:
            self.calls[name] += 1
            if self.broken:
                raise Unavailable("the store is away")
            return await getattr(self._port, name)(*given)

        return call


def watched() -> tuple[Store, Asked]:
    store = memory_store()
    asked = Asked(store.connection_queries)
    return replace(store, connection_queries=asked), asked


def known(roster: Roster, *teams: str) -> dict[str, Connection]:
    """Of these teams, those that the roster knows."""
    return {team: found for team in teams if (found := roster.of(shard_of(team)).get(team)) is not None}


async def test_teams_come_change_and_go_without_another_look_at_all_of_them() -> None:
    store, asked = watched()
    await store.connections.swap([connection("acme"), connection("beta"), connection("gone", state="disabled")])
    roster = Roster(store)
    await roster.look()
    assert known(roster, "acme", "beta", "gone").keys() == {"acme", "beta"}

    await store.connections.swap([connection("new"), connection("beta", rev=1, secret="rotated")])
    await store.connections.swap([connection("acme", rev=1, state="needs_reconnect")])
    await store.connections.swap([connection("gone", rev=1)])
    await roster.look()
    found = known(roster, "acme", "beta", "gone", "new")
    assert found.keys() == {"beta", "gone", "new"}
    assert (found["beta"].secret, found["beta"].rev) == ("rotated", 2)
    assert asked.calls == {"active": 1, "written_since": 1}


async def test_a_look_that_failed_is_made_up_for_by_the_next() -> None:
    store, asked = watched()
    roster = Roster(store)
    await roster.look()
    await store.connections.swap([connection("acme")])
    asked.broken = True
    with pytest.raises(Unavailable):
        await roster.look()
    asked.broken = False
    for number in range(50):  # more writes than the store repeats by itself
        await store.connections.swap([connection(f"other-{number}")])
    await roster.look()
    assert known(roster, "acme").keys() == {"acme"}


async def test_a_team_of_which_no_write_told_is_found_by_the_next_whole_look(monkeypatch: pytest.MonkeyPatch) -> None:
    store, asked = watched()
    roster = Roster(store)
    await roster.look()

    async def silence(moment: int) -> list[Connection]:
        return []

    monkeypatch.setattr(asked, "written_since", silence, raising=False)
    await store.connections.swap([connection("acme")])
    await roster.look()
    assert known(roster, "acme") == {}
    monkeypatch.setattr(looks, "WHOLE_SECONDS", 0.0)
    fresh = Roster(store)
    for _ in range(2):
        await fresh.look()
    assert asked.calls["active"] == 3
    assert known(fresh, "acme").keys() == {"acme"}


async def test_a_process_with_idle_teams_asks_only_for_news() -> None:
    rig = Rig()
    asked = Asked(rig.store.connection_queries)
    versions = Asked(rig.store.rule_set_queries)
    rig.store = replace(rig.store, connection_queries=asked, rule_set_queries=versions)
    rig.capture = rig.process()
    await rig.connect()
    async with rig.running():
        await until(rig.streaming)
        await until(lambda: asked.calls["written_since"] > 5 and versions.calls["written_since"] > 5)
    assert asked.calls["active"] == 1
    assert versions.calls["versions"] <= 2, "the first look, and the team that came after it"
