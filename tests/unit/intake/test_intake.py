"""Rows that were handed in: good ones reach the topic, the others are told with their place and reason."""

from __future__ import annotations

import json
from typing import Any

import pytest

from schemas.documents import ScoreToken
from tests.support.clock import SetClock
from workers.adapters.memory.publisher import MemoryPublisher
from workers.adapters.memory.store import memory_store
from workers.console import score_tokens
from workers.core.intake import ROWS, TooMany, Unreadable, rows_of_array, rows_of_lines
from workers.core.score_tokens import digest_of, parts_of, text_of
from workers.intake.admission import Tokens
from workers.intake.worker import Intake
from workers.ports import Refused
from workers.runtime.edits import By

NOW_MS = 1_795_000_000_000
IN_2262_MS = 9_223_372_036_854
ADA = {"subject": "person", "key": "ada@acme.com", "score": 7.5, "scored_at_ms": NOW_MS}
BY = By("cli:ann", NOW_MS)


class Rig:
    def __init__(self) -> None:
        self.store, self.publisher = memory_store(), MemoryPublisher()
        self.intake, self.tokens = Intake(self.publisher, SetClock(NOW_MS)), Tokens(self.store)


@pytest.fixture
def rig() -> Rig:
    return Rig()


def bodies(*rows: object) -> list[list[object]]:
    """Rows as a JSON array and as NDJSON would bring them."""
    texts = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    array = rows_of_array(f"[{','.join(texts)}]".encode())
    return [list(array), list(rows_of_lines("\r\n".join(texts).encode()))]


BAD: dict[str, tuple[Any, str]] = {
    "NaN": ('{"subject":"person","key":"a@acme.com","score":NaN,"scored_at_ms":1}', "score: input should be a finite"),
    "1e309": ('{"subject":"person","key":"a@acme.com","score":1e309,"scored_at_ms":1}', "score: input should be a fin"),
    "text": ({**ADA, "score": "high"}, "score: input should be a valid number"),
    "no score": ({**ADA, "score": None}, "score: input should be a valid number"),
    "17 digits": ({**ADA, "score": 1e16}, "16 digits"),
    "engaged in 2262": ({**ADA, "last_engagement_at_ms": IN_2262_MS}, "last_engagement_at_ms lies in the future"),
    "scored in 2262": ({**ADA, "scored_at_ms": IN_2262_MS}, "scored_at_ms lies in the future"),
    "another team": ({**ADA, "team": "other"}, "team: the row names another team than the address (acme)"),
    "no e-mail": ({**ADA, "key": "ada"}, "person key: invalid_email"),
    "long key": ({**ADA, "key": "a" * 400}, "key: string should have at most 320 characters"),
    "unknown subject": ({**ADA, "subject": "lead"}, "subject: input should be 'person' or 'account'"),
    "no object": ("7", "the row is no JSON object"),
    "not sent": ({"subject": "person", "key": "ada@acme.com"}, "score: field required; scored_at_ms: field required"),
}


@pytest.mark.parametrize(("bad", "reason"), BAD.values(), ids=BAD)
async def test_a_bad_row_is_told_and_the_others_are_taken(rig: Rig, bad: Any, reason: str) -> None:
    for rows in bodies(ADA, bad, {**ADA, "key": "bob@acme.com"}):
        rig.publisher.published_scores.clear()
        receipt = await rig.intake.take("acme", rows)
        assert [score.key for score in rig.publisher.published_scores] == ["ada@acme.com", "bob@acme.com"]
        (rejection,) = receipt.rejected
        assert (receipt.accepted, rejection.row) == (2, 1)
        assert reason in rejection.reason


async def test_keys_are_published_in_their_normal_form(rig: Rig) -> None:
    site = {**ADA, "subject": "account", "key": "https://www.Acme.com/about"}
    await rig.intake.take("acme", [{**ADA, "key": " Ada@ACME.com "}, site])
    told = [(score.team, score.subject, score.key) for score in rig.publisher.published_scores]
    assert told == [("acme", "person", "ada@acme.com"), ("acme", "account", "acme.com")]


def test_a_line_that_is_no_json_is_a_row_at_fault() -> None:
    rows = rows_of_lines(b'{"a": 1}\n\n{"a":\n{"a": 3}\n\xff\n')
    assert rows[0] == {"a": 1}
    assert rows[2] == {"a": 3}
    assert len(rows) == 4


async def test_what_is_shown_of_a_row_is_its_key_and_not_much_of_it(rig: Rig) -> None:
    receipt = await rig.intake.take("acme", [{**ADA, "key": "k" * 400}, {"key": 7}, *rows_of_lines(b"{")])
    assert [len(each.key) for each in receipt.rejected] == [80, 0, 0]
    assert receipt.rejected[2].reason == "the line is no JSON"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "no JSON"),
        (b"{}", "no JSON array"),
        (b"[1,", "line 1 column"),
        (b"\xff\xfe[", "no JSON"),
        (b"[" * 100_000, "nested too deep"),
    ],
)
def test_a_body_without_rows_is_refused_whole(body: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        rows_of_array(body)


def test_rows_are_bounded() -> None:
    assert len(rows_of_array(b"[" + b",".join([b"1"] * ROWS) + b"]")) == ROWS
    with pytest.raises(TooMany, match="10,001 rows"):
        rows_of_lines(b"1\n" * (ROWS + 1))


# --- tokens ----------------------------------------------------------------------------------------------------------


async def test_a_token_admits_to_its_own_team_until_it_is_revoked(rig: Rig) -> None:
    token, text = await score_tokens.create(rig.store, "acme", "platform", BY)
    assert await rig.tokens.scopes("acme", text)
    assert not await rig.tokens.scopes("other", text)
    await score_tokens.revoke(rig.store, "acme", token.token_id, BY)
    assert not await rig.tokens.scopes("acme", text)
    with pytest.raises(Refused, match=f"no token {token.token_id} in use"):
        await score_tokens.revoke(rig.store, "acme", token.token_id, BY)


async def test_a_token_has_the_scopes_it_was_made_with_and_an_old_one_hands_in(rig: Rig) -> None:
    _, usual = await score_tokens.create(rig.store, "acme", "platform", BY)
    _, both = await score_tokens.create(rig.store, "acme", "report", BY, ("writeback:read", "scores:write"))
    assert await rig.tokens.scopes("acme", usual) == {"scores:write"}
    assert await rig.tokens.scopes("acme", both) == {"scores:write", "writeback:read"}
    old = {"team": "acme", "token_id": "0a1b2c3d", "name": "p", "digest": digest_of("x" * 43), "created_at_ms": 1}
    await rig.store.score_tokens.swap([ScoreToken.model_validate(old)])
    assert await rig.tokens.scopes("acme", text_of("0a1b2c3d", "x" * 43)) == {"scores:write"}


async def test_a_secret_rests_as_its_digest_and_both_edits_are_in_the_log(rig: Rig) -> None:
    token, text = await score_tokens.create(rig.store, "acme", "platform", BY)
    _, secret = parts_of(text) or ("", "")
    await score_tokens.revoke(rig.store, "acme", token.token_id, BY)
    (rested,) = await score_tokens.tokens(rig.store, "acme")
    entries = [entry async for entry in rig.store.audit.scan("acme")]
    assert secret
    assert secret not in rested.model_dump_json() + "".join(entry.what for entry in entries)
    assert (rested.created_by, rested.revoked_by) == ("cli:ann", "cli:ann")
    assert [entry.what.split()[-2] for entry in entries] == ["created:", "revoked:"]


@pytest.mark.parametrize("text", ["", "sst..", "sst.0a1b2c3d.short", "Bearer", text_of("0a1b2c3d", "x" * 43)])
@pytest.mark.parametrize("team", ["acme", "", "A:b", "$where", "x" * 70])
async def test_whatever_is_no_token_admits_to_nothing(rig: Rig, team: str, text: str) -> None:
    await rig.store.score_tokens.swap(
        [ScoreToken(team="acme", token_id="0a1b2c3d", name="p", digest="0" * 64, created_at_ms=1)]
    )
    assert not await rig.tokens.scopes(team, text)


async def test_two_tokens_of_a_team_are_told_apart(rig: Rig) -> None:
    (first, one), (_, other) = [await score_tokens.create(rig.store, "acme", name, BY) for name in "ab"]
    await score_tokens.revoke(rig.store, "acme", first.token_id, BY)
    assert [bool(await rig.tokens.scopes("acme", text)) for text in (one, other)] == [False, True]
