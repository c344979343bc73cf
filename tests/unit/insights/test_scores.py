"""Scores as they come from the topic."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.documents import Engagement
from schemas.topics import SCORES
from workers.ports import Message, Store, Unavailable

from .insights_rig import TEAM, Rig

ADA = {"team": TEAM, "subject": "person", "key": "ada@acme.com", "score": 7.5, "scored_at_ms": 10}


def message(value: bytes | dict[str, Any], offset: int = 0) -> Message:
    return Message(
        SCORES.name, 3, offset, b"acme:person:ada", value if isinstance(value, bytes) else orjson.dumps(value)
    )


async def kept(store: Store) -> dict[str, float]:
    return {f"{e.subject}:{e.key}": e.score async for e in store.engagement.scan(TEAM)}


async def test_a_score_is_kept_under_the_normal_form_of_its_subject(rig: Rig) -> None:
    site = {**ADA, "subject": "account", "key": "https://www.Acme.com/about", "score": 1}
    await rig.insights().handle([message({**ADA, "key": " Ada@ACME.com "}), message(site)])
    assert await kept(rig.store) == {"person:ada@acme.com": 7.5, "account:acme.com": 1.0}
    assert rig.publisher.parked == []


@pytest.mark.parametrize("batches", [[[1, 2, 3]], [[3], [2], [1]], [[2, 3], [3, 1]], [[3, 3], [3]]])
async def test_the_latest_score_wins_in_any_order_and_however_often_it_comes(
    rig: Rig, batches: list[list[int]]
) -> None:
    for batch in batches:
        await rig.insights().handle([message({**ADA, "score": at * 10, "scored_at_ms": at}) for at in batch])
    assert await kept(rig.store) == {"person:ada@acme.com": 30.0}


async def test_an_older_score_writes_nothing(rig: Rig) -> None:
    await rig.insights().handle([message(ADA)])
    await rig.insights().handle([message({**ADA, "scored_at_ms": 9, "score": 1})])
    (stored,) = [each async for each in rig.store.engagement.scan(TEAM)]
    assert (stored.rev, stored.score) == (1, 7.5)


async def test_a_score_crossing_another_is_decided_again(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    swap, first = rig.store.engagement.swap, [True]

    async def crossed(documents: list[Engagement]) -> list[Engagement]:
        if first.pop():
            first.append(False)
            assert not await swap([documents[0].model_copy(update={"scored_at_ms": 99, "score": 99.0})])
            return documents
        first.append(False)
        return list(await swap(documents))

    monkeypatch.setattr(rig.store.engagement, "swap", crossed)
    await rig.insights().handle([message(ADA)])
    assert await kept(rig.store) == {"person:ada@acme.com": 99.0}


async def test_a_store_that_never_takes_it_stops_the_worker(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    async def lost(documents: list[Engagement]) -> list[Engagement]:
        return documents

    monkeypatch.setattr(rig.store.engagement, "swap", lost)
    with pytest.raises(Unavailable, match="20 compare-and-swaps"):
        await rig.insights().handle([message(ADA)])


IN_2262_MS = 9_223_372_036_854
"""Where nanoseconds in 64 bits end."""


def raw(score: bytes = b"1", scored_at_ms: bytes = b"1") -> bytes:
    """Numbers that only another program's JSON holds."""
    return b'{"team":"acme","subject":"person","key":"ada@acme.com","score":%b,"scored_at_ms":%b}' % (
        score,
        scored_at_ms,
    )


UNREADABLE = {
    "no JSON": (b"{", "malformed", "message"),
    "no text": (b"\xff\xfe", "malformed", "message"),
    "NaN": (raw(score=b"NaN"), "malformed", "score"),
    "1e309": (raw(score=b"1e309"), "malformed", "score"),
    "400 digits": (raw(score=b"1" + b"0" * 400), "malformed", "score"),
    "text": ({**ADA, "score": "high"}, "malformed", "score"),
    "no score": ({**ADA, "score": None}, "malformed", "score"),
    "unknown subject": ({**ADA, "subject": "lead"}, "malformed", "subject"),
    "team of another form": ({**ADA, "team": "a:b"}, "malformed", "team"),
    "unknown team": ({**ADA, "team": "nobody"}, "invalid", "there is no team nobody"),
    "no e-mail": ({**ADA, "key": "ada"}, "invalid", "person key: invalid_email"),
    "blank": ({**ADA, "key": "  "}, "invalid", "person key: no_email"),
    "no domain": ({**ADA, "subject": "account", "key": "localhost"}, "invalid", "account key: invalid_website"),
    "17 digits": ({**ADA, "score": 1e16}, "invalid", "16 digits"),
    "year 4001": ({**ADA, "last_engagement_at_ms": 64_092_211_200_000}, "invalid", "1700 to 4000"),
    "microseconds": ({**ADA, "last_engagement_at_ms": 1_795_000_000_000_000}, "invalid", "no date"),
    "nanoseconds of nanoseconds": (raw(scored_at_ms=b"1" + b"0" * 19), "invalid", "scored_at_ms"),
    "long before": (raw(scored_at_ms=b"-1" + b"0" * 19), "invalid", "scored_at_ms is no time"),
    "engaged in 2262": ({**ADA, "last_engagement_at_ms": IN_2262_MS}, "invalid", "last_engagement_at_ms lies in the"),
    "scored in 2262": ({**ADA, "scored_at_ms": IN_2262_MS}, "invalid", "scored_at_ms lies in the future"),
}


@pytest.mark.parametrize(("value", "reason", "detail"), UNREADABLE.values(), ids=UNREADABLE)
async def test_what_cannot_be_written_back_is_parked_with_the_reason_and_its_place(
    rig: Rig, value: bytes | dict[str, Any], reason: str, detail: str
) -> None:
    bad = message(value, offset=41)
    await rig.insights().handle([message(ADA), bad, message({**ADA, "key": "bob@acme.com"})])
    (parked,) = rig.publisher.parked
    assert (parked.reason, parked.topic, parked.partition, parked.offset) == (reason, SCORES.name, 3, 41)
    assert detail in parked.detail
    assert parked.payload == bad.value.decode("utf-8", "backslashreplace")
    assert set(await kept(rig.store)) == {"person:ada@acme.com", "person:bob@acme.com"}


async def test_a_tombstone_of_the_compacted_topic_is_passed_over(rig: Rig) -> None:
    await rig.insights().handle([message(b""), message(ADA)])
    assert rig.publisher.parked == []
    assert set(await kept(rig.store)) == {"person:ada@acme.com"}


async def test_a_clock_that_is_some_hours_ahead_is_fine(rig: Rig) -> None:
    ahead_ms = rig.clock.ms + 20 * 3_600_000
    await rig.insights().handle([message({**ADA, "last_engagement_at_ms": ahead_ms, "scored_at_ms": ahead_ms})])
    assert rig.publisher.parked == []


async def test_what_cannot_be_parked_is_not_acknowledged(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    async def down(_: object) -> None:
        raise Unavailable("Kafka is down")

    monkeypatch.setattr(rig.publisher, "park", down)
    with pytest.raises(Unavailable, match="Kafka is down"):
        await rig.insights().handle([message(b"{")])


@given(st.lists(st.tuples(st.sampled_from(["ada", "bob"]), st.integers(0, 5), st.integers(0, 3)), max_size=12))
async def test_every_split_into_batches_keeps_the_same(scores: list[tuple[str, int, int]]) -> None:
    one, other = Rig(), Rig()
    await one.connect()
    await other.connect()
    messages = [
        message({**ADA, "key": f"{who}@acme.com", "score": at * 2, "scored_at_ms": at}) for who, at, _ in scores
    ]
    await one.insights().handle(messages)
    for cut in range(4):
        await other.insights().handle([m for m, (_, _, batch) in zip(messages, scores, strict=True) if batch == cut])
    assert await kept(one.store) == await kept(other.store)


async def test_a_team_that_is_connected_meanwhile_is_known_at_once(rig: Rig) -> None:
    insights = rig.insights()
    await insights.handle([message({**ADA, "team": "late"})])
    await rig.connect("late")
    await insights.handle([message({**ADA, "team": "late", "score": 2})])
    assert len(rig.publisher.parked) == 1
    assert [each.score async for each in rig.store.engagement.scan("late")] == [2.0]
