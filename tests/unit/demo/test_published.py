"""What the change topics hold against the org's ledger, and whose contributions count."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from sandbox.demo import actual
from sandbox.demo.actual import Changes, published_changes, sources
from sandbox.demo.org_client import OrgClient


class Ledger(OrgClient):
    def __init__(self, *entries: dict[str, Any]) -> None:
        self.entries = entries

    async def ledger(self, after: int = 0) -> AsyncIterator[dict[str, Any]]:
        for entry in self.entries[after:]:
            yield entry


def commit(number: int, record_id: str = "c1", **more: Any) -> dict[str, Any]:
    return {
        "kind": "rest",
        "operation": "update",
        "object": "Contact",
        "recordId": record_id,
        "commitNumber": number,
        "commitTimestamp": number * 10,
        "replayIds": [number],
    } | more


def message(number: int, record_id: str = "c1", *, event: bool = True) -> dict[str, Any]:
    """Of an event, or of a row of a query."""
    replay_id = str(number) if event else None
    return {"record_id": record_id, "replay_id": replay_id, "version": [number * 10, number, 1]}


async def compared(
    monkeypatch: pytest.MonkeyPatch, ledger: list[dict[str, Any]], messages: list[dict[str, Any]], after: int = 0
) -> Changes:
    async def read_topics(bootstrap_servers: str, topics: Sequence[str]) -> AsyncIterator[dict[str, Any]]:
        for each in messages:
            yield each

    monkeypatch.setattr(actual, "read_topics", read_topics)
    return await published_changes("", (), Ledger(*ledger), after)


async def test_every_commit_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found = await compared(monkeypatch, [commit(1), commit(2)], [message(1), message(2)])
    assert found == Changes(expected=2, published=2)


async def test_what_was_also_read_by_a_query_is_no_duplicate(monkeypatch: pytest.MonkeyPatch) -> None:
    found = await compared(monkeypatch, [commit(1)], [message(1), message(1, event=False), message(1, event=False)])
    assert found == Changes(expected=1, published=1)


async def test_a_lost_change_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    found = await compared(monkeypatch, [commit(1), commit(2)], [message(1)])
    assert found == Changes(expected=2, published=1, lost=1, examples=["update Contact c1"])


async def test_a_change_of_another_record_does_not_stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await compared(monkeypatch, [commit(1)], [message(1, "c2")])).lost == 1


async def test_a_change_that_came_twice_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    found = await compared(monkeypatch, [commit(1)], [message(1), message(1)])
    assert found == Changes(expected=1, published=1, duplicated=1)


@pytest.mark.parametrize(("read_at", "lost"), [(1, 1), (2, 0), (3, 0)])
async def test_a_full_record_stands_in_for_what_is_not_newer(
    monkeypatch: pytest.MonkeyPatch, read_at: int, lost: int
) -> None:
    found = await compared(monkeypatch, [commit(2)], [message(read_at, event=False)])
    assert (found.lost, found.duplicated) == (lost, 0)


async def test_what_was_never_announced_is_not_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = [commit(1), commit(2, kind="seed"), commit(3, replayIds=[])]
    assert await compared(monkeypatch, ledger, [], after=1) == Changes()


def test_a_withdrawn_contribution_and_one_of_another_kind_are_no_source() -> None:
    account = {
        "contributions": {
            "a1": {"gone": False, "entity": "account"},
            "a2": {"gone": True, "entity": "account"},
            "l1": {"gone": False, "entity": "lead"},
        }
    }
    assert sources(account, {"account"}) == {"a1"}
