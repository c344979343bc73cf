"""Thousands of requests that are right in parts, against one org that must come out whole."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import aiohttp
import pytest
from yarl import URL

from sandbox.org.config import OrgConfig
from sandbox.org.server import RunningOrg, serve
from tests.integration.org.fuzz.mischief import Attempt, Mischief
from tests.support.org_integrity import damage

SEEDS = 6
ATTEMPTS_OF_A_SEED = 300
# How refusals of REST begin: compact, laid out for people, or of a dead token that came without JSON.
REST = (b'[{"', b"[ {", b"<response>")


@pytest.fixture
async def org() -> AsyncIterator[RunningOrg]:
    async with await serve(OrgConfig(contacts=20, leads=10, accounts=10)) as running:
        yield running


def ids_in(org: RunningOrg) -> list[str]:
    objects = ("Contact", "Account", "Lead", "Opportunity")
    return [str(row["Id"]) for name in objects for row in list(org.org.rows(name))[:2]]


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_every_request_gets_an_answer_of_the_platform(
    org: RunningOrg, seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    config = org.org.config
    mischief = Mischief(seed, ids_in(org), {"client_id": config.client_id, "client_secret": config.client_secret})
    # An answer to an unread body ends the connection: each attempt has one of its own.
    connector = aiohttp.TCPConnector(force_close=True)
    headers = {"Authorization": f"Bearer {org.access_token}"}
    with caplog.at_level(logging.ERROR):
        async with aiohttp.ClientSession(connector=connector, headers=headers) as http:
            for _ in range(ATTEMPTS_OF_A_SEED):
                attempt = mischief.attempt()
                status, body = await sent(http, org, attempt)
                assert status < 500 or b"Envelope" in body, (attempt, body)
                if attempt.target.startswith("/services/data/") and status >= 400 and body:
                    assert body.startswith(REST), (attempt, body)
    assert not caplog.records
    assert damage(org.org) == []


async def sent(http: aiohttp.ClientSession, org: RunningOrg, attempt: Attempt) -> tuple[int, bytes]:
    url = URL(org.base_url + attempt.target, encoded=True)
    request = http.request(attempt.method, url, data=attempt.body, headers=attempt.headers, allow_redirects=False)
    async with request as reply:
        return reply.status, await reply.read()


@pytest.mark.parametrize("path", ["services/data/v62.0/sobjects/Contact", "services/oauth2/token", "cometd/62.0"])
@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_body_that_is_not_in_its_encoding_is_refused(org: RunningOrg, path: str, encoding: str) -> None:
    headers = {"Authorization": f"Bearer {org.access_token}", "Content-Encoding": encoding}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.post(f"{org.base_url}/{path}", data=b'{"LastName":"x"}') as reply,
    ):
        assert reply.status == 400
        assert (await reply.json())[0]["errorCode"] == "JSON_PARSER_ERROR"
