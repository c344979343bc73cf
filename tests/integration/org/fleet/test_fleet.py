"""Many orgs on one port: each is found by path, by host name or by its token, and knows only its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from yarl import URL

from sandbox.org.config import OrgConfig
from sandbox.org.fleet.orgs import numbered
from sandbox.org.fleet.server import RunningFleet, serve_fleet
from sandbox.org.server import RunningOrg
from sandbox.org.store.org import Row
from tests.integration.org.caller import ALL, Caller

DATA = "/services/data/v62.0"


@pytest.fixture
async def fleet() -> AsyncIterator[RunningFleet]:
    config = OrgConfig(client_id="the-app")
    async with await serve_fleet(numbered(300, config), config) as running:
        yield running


@pytest.fixture
async def http(fleet: RunningFleet) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def bearer(org: RunningOrg, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {org.access_token}", **more}


async def create(http: aiohttp.ClientSession, org: RunningOrg, name: str) -> str:
    url = f"{org.base_url}{DATA}/sobjects/Account"
    async with http.post(url, json={"Name": name}, headers=bearer(org)) as reply:
        assert reply.status == 201, await reply.text()
        return str((await reply.json())["id"])


async def names(http: aiohttp.ClientSession, base: str, headers: dict[str, str]) -> list[str]:
    async with http.get(f"{base}{DATA}/query", params={"q": "SELECT Name FROM Account"}, headers=headers) as reply:
        assert reply.status == 200, await reply.text()
        return [record["Name"] for record in (await reply.json())["records"]]


async def test_an_org_is_made_when_it_is_asked_for(fleet: RunningFleet) -> None:
    assert [member.running for member in fleet.fleet] == [None] * 300
    await fleet.open("org-7")
    assert [member.name for member in fleet.fleet if member.running] == ["org-7"]


async def test_path_host_and_token_lead_to_the_same_org(fleet: RunningFleet, http: aiohttp.ClientSession) -> None:
    org = await fleet.open("org-7")
    await create(http, org, "Acme")
    mine = [name for name in await names(http, org.base_url, bearer(org)) if name == "Acme"]
    assert mine == ["Acme"]
    everything = await names(http, org.base_url, bearer(org))
    assert await names(http, fleet.base_url, bearer(org, Host="org-7.localhost:1")) == everything
    assert await names(http, fleet.base_url, bearer(org)) == everything
    assert "Acme" not in await names(http, (other := await fleet.open("org-8")).base_url, bearer(other))


async def test_a_token_is_good_in_its_own_org_only(fleet: RunningFleet, http: aiohttp.ClientSession) -> None:
    org, other = await fleet.open("org-1"), await fleet.open("org-2")
    async with http.get(f"{other.base_url}{DATA}/limits", headers=bearer(org)) as reply:
        assert (reply.status, (await reply.json())[0]["errorCode"]) == (401, "INVALID_SESSION_ID")


@pytest.mark.parametrize(("by_host", "expected"), [(False, "{base}/o/org-3"), (True, "http://org-3.localhost:{port}")])
async def test_the_urls_of_a_login_are_those_of_the_address(
    fleet: RunningFleet, http: aiohttp.ClientSession, by_host: bool, expected: str
) -> None:
    org = await fleet.open("org-3")
    base = expected.format(base=fleet.base_url, port=fleet.base_url.rpartition(":")[2])
    asked = fleet.base_url if by_host else base
    headers = {"Host": base.removeprefix("http://")} if by_host else {}
    form = {
        "grant_type": "client_credentials",
        "client_id": "the-app",
        "client_secret": org.credentials["client_secret"],
    }
    async with http.post(f"{asked}/services/oauth2/token", data=form, headers=headers) as reply:
        token: dict[str, Any] = await reply.json()
    assert token["instance_url"] == base
    assert token["id"].startswith(f"{base}/id/{org.org.organization_id}/")
    bearer_headers = {"Authorization": f"Bearer {token['access_token']}", **headers}
    path = token["id"].removeprefix(base)
    async with http.get(asked + path, headers=bearer_headers) as reply:
        assert (await reply.json())["urls"]["custom_domain"] == base


async def test_login_pages_lead_back_to_the_same_org(fleet: RunningFleet, http: aiohttp.ClientSession) -> None:
    query = {"response_type": "code", "client_id": "the-app", "redirect_uri": "http://localhost:1/back"}
    async with http.get(f"{fleet.base_url}/o/org-4/services/oauth2/authorize", params=query) as reply:
        assert 'action="/o/org-4/services/oauth2/authorize"' in await reply.text()


async def test_each_org_has_its_own_clock_ledger_and_faults(fleet: RunningFleet, http: aiohttp.ClientSession) -> None:
    org, other = await fleet.open("org-5"), await fleet.open("org-6")
    async with http.post(f"{org.base_url}/__admin__/clock", json={"offset_seconds": 86_400}) as reply:
        assert reply.status == 200
    async with http.post(f"{org.base_url}/__admin__/faults", json={"kind": "html-503"}) as reply:
        assert reply.status == 201
    record_id = await create(http, other, "Elsewhere")
    async with http.get(f"{org.base_url}{DATA}/limits", headers=bearer(org)) as reply:
        assert reply.status == 503
    assert org.org.clock.offset_seconds - other.org.clock.offset_seconds == 86_400
    assert record_id in {entry.record_id for entry in other.org.ledger.after(0)}
    assert record_id not in {entry.record_id for entry in org.org.ledger.after(0)}


async def test_orgs_are_listed_added_and_removed(fleet: RunningFleet, http: aiohttp.ClientSession) -> None:
    orgs = f"{fleet.base_url}/__admin__/orgs"
    async with http.post(orgs, json={"name": "acme", "contacts": 3}) as reply:
        assert reply.status == 201, await reply.text()
    async with http.get(orgs) as reply:
        assert [one["name"] for one in (await reply.json())["orgs"]][-2:] == ["org-300", "acme"]
    async with http.get(f"{orgs}/acme") as reply:
        credentials = await reply.json()
    assert credentials["instance_url"] == f"{fleet.base_url}/o/acme"
    async with http.delete(f"{orgs}/acme") as reply:
        assert reply.status == 200
    async with http.get(f"{fleet.base_url}/o/acme{DATA}/limits") as reply:
        assert reply.status == 404


@pytest.mark.parametrize(
    "body", [{"name": "org-1"}, {"name": "Not a name"}, {"name": "127"}, {}, {"name": "x", "seed": "y"}]
)
async def test_an_org_that_cannot_be_added(
    fleet: RunningFleet, http: aiohttp.ClientSession, body: dict[str, str]
) -> None:
    async with http.post(f"{fleet.base_url}/__admin__/orgs", json=body) as reply:
        assert (reply.status, list(await reply.json())) == (400, ["error"])


async def test_the_list_is_a_page_too(fleet: RunningFleet, http: aiohttp.ClientSession) -> None:
    async with http.get(fleet.base_url, params={"page": "5"}) as reply:
        assert f"{fleet.base_url}/o/org-300/__admin__/" in await reply.text()
    async with http.get(fleet.base_url, params={"q": "ORG-29"}) as reply:
        assert (await reply.text()).count(f"{fleet.base_url}/o/org-29") == 22


@pytest.mark.parametrize("path", ["/services/data", "//services/data/", "/services/data/?x=1"])
async def test_paths_as_clients_write_them(fleet: RunningFleet, http: aiohttp.ClientSession, path: str) -> None:
    async with http.get(f"{fleet.base_url}/o/org-1{path}") as reply:
        assert (reply.status, (await reply.json())[-1]["version"]) == (200, "66.0")


@pytest.mark.parametrize(
    "path", ["/o/", "/o", "/o/nobody/services/data", "/o/org-1", "/o/org-1?x", "/o/%2e%2e/", "/services/data"]
)
async def test_paths_that_lead_nowhere(fleet: RunningFleet, http: aiohttp.ClientSession, path: str) -> None:
    async with http.get(URL(fleet.base_url + path, encoded=True)) as reply:
        assert reply.status == 404


async def test_pages_of_a_query_are_found_below_the_instance_url_and_at_its_host(
    fleet: RunningFleet, http: aiohttp.ClientSession
) -> None:
    org = await fleet.open("org-9")
    headers = bearer(org, **{"Sforce-Query-Options": "batchSize=200"})
    rows: list[Row] = [{"LastName": str(number)} for number in range(201)]
    org.org.load("Contact", rows)
    query = {"q": "SELECT Id FROM Contact"}
    async with http.get(f"{org.base_url}{DATA}/query", params=query, headers=headers) as reply:
        next_url = (await reply.json())["nextRecordsUrl"]
    for base in (org.base_url, fleet.base_url):
        async with http.get(base + next_url, headers=headers) as reply:
            assert (reply.status, (await reply.json())["done"]) == (200, True)


async def test_faults_and_polls_of_one_org(fleet: RunningFleet, http: aiohttp.ClientSession) -> None:
    """Events come to the org's own clients; closing the fleet answers the poll that is still open."""
    org, other = await fleet.open("org-1"), await fleet.open("org-2")
    async with (
        aiohttp.ClientSession(headers=bearer(org)) as session,
        aiohttp.ClientSession(headers=bearer(other)) as other_session,
    ):
        mine, others = Caller(org, session), Caller(other, other_session)
        await mine.established(ALL)
        await others.established(ALL)
        poll, others_poll = await mine.polling(), await others.polling()
        await create(http, org, "Acme")
        events = [reply["data"] for reply in await poll if "data" in reply]
        assert [event["payload"]["Name"] for event in events] == ["Acme"]
        async with http.post(f"{org.base_url}/__admin__/faults", json={"kind": "reset"}) as reply:
            assert reply.status == 201
        with pytest.raises(aiohttp.ClientError):
            await create(http, org, "Never")
        async with http.get(f"{other.base_url}{DATA}/limits", headers=bearer(other)) as reply:
            assert reply.status == 200
        assert not others_poll.done()
        await fleet.close()
        [reply_at_the_end] = await others_poll
        assert reply_at_the_end["error"] == "403::Unknown client"
