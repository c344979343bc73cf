"""Which calls are repeated, and what is renewed: over scripted exchanges, without sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

import orjson
import pytest
import stamina

from schemas.documents import Connection
from tests.support.clock import SetClock
from workers.adapters.salesforce import api as api_module
from workers.adapters.salesforce.api import Api
from workers.adapters.salesforce.errors import Reply, SalesforceRefused
from workers.adapters.salesforce.http import Request
from workers.adapters.salesforce.tokens import Access
from workers.core.budget import Shares
from workers.ports import Unavailable
from workers.runtime.usage import UsageMeter

BUSY = Reply(503, {}, b"[]")
EXPIRED = Reply(401, {}, orjson.dumps([{"errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid"}]))
REFUSED = Reply(400, {}, orjson.dumps([{"errorCode": "MALFORMED_QUERY", "message": "m"}]))
FINE = Reply(200, {}, b"{}")


class Tokens:
    connection = Connection(
        team="acme",
        org_id="00D",
        instance_url="https://acme.my.salesforce.com",
        login_url="https://acme.my.salesforce.com",
        client_id="c",
        grant="client_credentials",
        secret="s",
        connected_at_ms=1,
    )
    renewals = 0

    async def access(self) -> Access:
        return Access(f"token-{self.renewals}", self.connection.instance_url)

    async def renew(self, stale: Access) -> Access:
        assert stale == await self.access()
        self.renewals += 1
        return await self.access()


Script = Callable[..., list[Request]]


@pytest.fixture(autouse=True)
def _three_attempts_without_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3):
        yield


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    """`script(*replies)` prepares the replies and returns the list that the requests will go into."""

    def prepared(*replies: Reply | Exception) -> list[Request]:
        requests: list[Request] = []
        remaining = iter(replies)

        async def exchange(_session: object, request: Request) -> Reply:
            requests.append(request)
            reply = next(remaining)
            if isinstance(reply, Exception):
                raise reply
            return reply

        monkeypatch.setattr(api_module, "exchange", exchange)
        return requests

    return prepared


@pytest.fixture
def api() -> Api:
    return Api(cast("Any", Tokens()), cast("Any", None), UsageMeter("acme", SetClock(0), Shares()))


async def test_a_read_is_repeated_until_it_works(api: Api, script: Script) -> None:
    requests = script(BUSY, Unavailable("network"), FINE)
    assert await api.get("/x") == FINE
    assert len(requests) == 3


async def test_repeating_is_bounded(api: Api, script: Script) -> None:
    requests = script(*[BUSY] * 9)
    with pytest.raises(Unavailable, match=r"GET /x of acme.my.salesforce.com \(team acme\).*503"):
        await api.get("/x")
    assert len(requests) == 3


async def test_a_refusal_is_not_repeated(api: Api, script: Script) -> None:
    requests = script(REFUSED, FINE)
    with pytest.raises(SalesforceRefused, match="MALFORMED_QUERY"):
        await api.get("/x")
    assert len(requests) == 1


async def test_creating_and_uploading_are_never_repeated(api: Api, script: Script) -> None:
    for call in (api.post_json("/jobs", {}), api.put("/batches", b"", "text/csv", 1)):
        requests = script(BUSY, FINE)
        with pytest.raises(Unavailable):
            await call
        assert len(requests) == 1


async def test_setting_a_state_is_repeated(api: Api, script: Script) -> None:
    requests = script(BUSY, FINE)
    await api.patch_json("/job", {"state": "Aborted"})
    assert [request.content for request in requests] == [b'{"state":"Aborted"}'] * 2


async def test_an_expired_token_is_renewed_once_also_for_what_is_not_repeated(api: Api, script: Script) -> None:
    requests = script(EXPIRED, FINE)
    await api.post_json("/jobs", {})
    assert [request.headers["Authorization"] for request in requests] == ["Bearer token-0", "Bearer token-1"]


async def test_a_new_token_that_is_rejected_too_is_a_refusal(api: Api, script: Script) -> None:
    requests = script(EXPIRED, EXPIRED, FINE)
    with pytest.raises(SalesforceRefused, match="may use the API"):
        await api.get("/x")
    assert len(requests) == 2


async def test_every_call_names_us(api: Api, script: Script) -> None:
    requests = script(FINE, FINE, FINE, FINE)
    await api.get("/x")
    await api.post_json("/x", {})
    await api.patch_json("/x", {})
    await api.put("/x", b"", "text/csv", 1)
    assert {request.headers["Sforce-Call-Options"] for request in requests} == {"client=SegmentSync"}
    assert len(requests) == 4


async def test_no_token_in_the_repr_of_a_request(api: Api, script: Script) -> None:
    requests = script(FINE)
    await api.get("/x", {"q": "SELECT Id FROM Contact"})
    assert "token-0" not in repr(requests)


def test_waits_are_random_and_grow_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[float] = []

    def shortest(low: float, high: float) -> float:
        limits.append(high)
        return low

    monkeypatch.setattr("random.uniform", shortest)
    wait_seconds = api_module._full_jitter()
    assert [wait_seconds(Unavailable()) for _ in range(6)] == [0] * 6
    assert limits == [0.5, 1, 2, 4, 8, 8]
    assert wait_seconds(ValueError()) is False
