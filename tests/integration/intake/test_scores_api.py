"""The scores API as a platform meets it: over HTTP."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from collections.abc import AsyncIterator

import pytest

from schemas.events import Score
from schemas.reports import RowReport, RunReport
from tests.support.waiting import until
from workers.adapters.scores_api import hand_in
from workers.core.intake import BODY_BYTES

from .api_rig import ADA, Api


async def test_an_array_and_lines_are_taken(api: Api) -> None:
    assert await api.post([ADA]) == (202, {"accepted": 1, "rejected": 0, "errors": []})
    lines = b"\n".join(json.dumps({**ADA, "key": f"p{n}@acme.com"}).encode() for n in range(3))
    assert await api.post(lines, "application/x-ndjson") == (202, {"accepted": 3, "rejected": 0, "errors": []})
    assert len(api.topic.scores_held) == 4


async def test_each_bad_row_is_told(api: Api) -> None:
    status, told = await api.post([ADA, {**ADA, "score": "high"}, {**ADA, "key": "nobody"}])
    assert (status, told["accepted"], told["rejected"]) == (202, 1, 2)
    assert [(each["row"], each["key"]) for each in told["errors"]] == [(1, "ada@acme.com"), (2, "nobody")]
    status, told = await api.post([{**ADA, "score": "high"}])
    assert (status, told["accepted"], told["rejected"]) == (422, 0, 1)
    assert (await api.post([]))[0] == 202


async def test_nothing_is_answered_before_kafka_has_it(api: Api) -> None:
    api.topic.acknowledging.clear()
    posting = asyncio.create_task(api.post([ADA]))
    await until(lambda: bool(api.topic.scores_held))
    assert not posting.done()
    api.topic.acknowledging.set()
    assert (await posting)[0] == 202


async def test_without_kafka_the_platform_is_told_to_send_again(api: Api) -> None:
    api.topic.down = True
    status, told = await api.post([ADA])
    assert status == 503
    assert "send the same rows again" in told["error"]


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer x", "Basic abc", "Bearer sst.0a1b2c3d." + "x" * 43])
async def test_a_stranger_is_turned_away_before_his_body_is_read(api: Api, authorization: str) -> None:
    status, told = await api.post(b"[" * BODY_BYTES, Authorization=authorization)
    assert (status, told) == (401, {"error": "no valid token for this team"})
    assert (await api.post([ADA], team="other"))[0] == 401


async def test_who_may_only_read_hands_nothing_in(api: Api) -> None:
    status, told = await api.post([ADA], Authorization=f"Bearer {api.reading}")
    assert (status, told) == (403, {"error": "the token has not the scope scores:write"})
    assert api.topic.scores_held == []


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"{}", "application/json", 400),
        (b"a,b", "text/csv", 415),
        (b" " * (BODY_BYTES + 1), "application/json", 413),
        (b"1\n" * 10_001, "application/x-ndjson", 413),
    ],
)
async def test_what_cannot_be_taken_says_why(api: Api, body: bytes, kind: str, status: int) -> None:
    got, told = await api.post(body, kind)
    assert got == status
    assert told["error"]
    assert api.topic.scores_held == []


async def test_a_small_body_that_unfolds_to_a_large_one_is_too_large(api: Api) -> None:
    headers = {"Content-Encoding": "gzip"}
    assert (await api.post(gzip.compress(json.dumps([ADA]).encode()), **headers))[0] == 202
    assert (await api.post(gzip.compress(b" " * (BODY_BYTES + 1)), **headers))[0] == 413


async def test_a_body_that_comes_too_slowly_gives_up_its_place(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hand_in, "BODY_SECONDS", 0.05)
    ended = asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b"["
        await ended.wait()

    headers = {"Authorization": f"Bearer {api.token}", "Content-Type": "application/json"}
    async with api.session.post(f"{api.base}/v1/teams/acme/scores", data=slowly(), headers=headers) as reply:
        assert reply.status == 408
        ended.set()


async def test_other_addresses_and_methods_are_told_in_json(api: Api) -> None:
    async with api.session.get(f"{api.base}/v1/teams/acme/scores") as reply:
        assert (reply.status, await reply.json()) == (405, {"error": "Method Not Allowed"})
    async with api.session.get(f"{api.base}/") as reply:
        assert reply.status == 404


async def test_it_describes_itself(api: Api) -> None:
    async with api.session.get(f"{api.base}/openapi.json") as reply:
        described = await reply.json()
    row = described["components"]["schemas"]["Score"]
    assert set(row["properties"]) == Score.model_fields.keys() - {"team"}
    assert set(row["required"]) == {"subject", "key", "score", "scored_at_ms"}
    post = described["paths"]["/v1/teams/{team}/scores"]["post"]
    assert set(post["requestBody"]["content"]) < set(hand_in.READERS)
    assert {"202", "401", "413", "503"} < set(post["responses"])
    assert set(described["components"]["schemas"]["RunReport"]["properties"]) == RunReport.model_fields.keys()
    assert set(described["components"]["schemas"]["RowReport"]["properties"]) == RowReport.model_fields.keys()


async def test_it_describes_every_address_that_it_serves(api: Api) -> None:
    async with api.session.get(f"{api.base}/openapi.json") as reply:
        described = await reply.json()
    for path in described["paths"]:
        address = f"{api.base}{path}".replace("{team}", "acme").replace("{run}", "none")
        async with api.session.get(address) as reply:
            assert reply.status in (401, 405)
    runs = "/v1/teams/{team}/writeback/runs"
    rows = described["paths"][f"{runs}/{{run}}/rows"]["get"]
    assert {of["name"] for of in rows["parameters"]} == {"team", "run", "outcome", "code", "record", "page", "limit"}
    assert all("null" not in json.dumps(of["schema"]) for of in rows["parameters"])
    named = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(described)))
    assert named <= described["components"]["schemas"].keys()
