"""Passwords and sessions of several users (REST API guide, sObject User Password; salesforce-answers.md 4)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.server import RunningOrg, serve
from sandbox.org.users.specs import UserSpec
from tests.integration.org.oauth.steps import answer_of, exchange, login_page, submit, token
from tests.integration.org.team import DATA, Team, team_config


@pytest.fixture
async def org() -> AsyncIterator[RunningOrg]:
    async with await serve(team_config()) as running:
        yield running


async def log_in(http: aiohttp.ClientSession, username: str, password: str) -> tuple[int, str]:
    body = (
        '<env:Envelope xmlns:env="http://schemas.xmlsoap.org/soap/envelope/"><env:Body>'
        f'<login xmlns="urn:partner.soap.sforce.com"><username>{username}</username><password>{password}</password>'
        "</login></env:Body></env:Envelope>"
    )
    async with http.post("/services/Soap/u/62.0", data=body, headers={"SOAPAction": "login"}) as reply:
        return reply.status, await reply.text()


async def test_logins_of_users(team: Team, org: RunningOrg, http: aiohttp.ClientSession) -> None:
    created = await (await http.post("/__admin__/users", json={"username": "x@org.example"})).json()
    await team.admin("POST", f"/sobjects/User/{created['id']}/password", {"NewPassword": "secret-1"}, 204)
    assert await team.admin("GET", f"/sobjects/User/{created['id']}/password") == {"isExpired": False}
    await team.rep("POST", f"/sobjects/User/{created['id']}/password", {"NewPassword": "secret-2"}, 403)
    assert (await log_in(http, "x@org.example", "wrong"))[0] == 500
    status, text = await log_in(http, "x@org.example", "secret-1")
    assert (status, f"<userId>{created['id']}</userId>" in text) == (200, True)
    session_id = text.partition("<sessionId>")[2].partition("</sessionId>")[0]
    headers = {"Authorization": f"Bearer {session_id}"}
    async with http.get("/services/oauth2/userinfo", headers=headers) as reply:
        assert (await reply.json())["preferred_username"] == "x@org.example"
    await team.admin("PATCH", f"/sobjects/User/{created['id']}", {"IsActive": False}, 204)
    async with http.get(f"{DATA}/limits", headers=headers) as reply:
        assert (reply.status, (await reply.json())[0]["errorCode"]) == (401, "INVALID_SESSION_ID")
    status, text = await log_in(http, "x@org.example", "secret-1")
    assert (status, "INVALID_LOGIN" in text) == (500, True)
    generated = (await team.admin("DELETE", f"/sobjects/User/{created['id']}/password"))["NewPassword"]
    async with http.post("/__admin__/users/x@org.example", json={"active": True}) as reply:
        assert (await reply.json())["active"] is True
    assert (await log_in(http, "x@org.example", generated))[0] == 200


async def test_a_deactivated_user_has_no_refresh(org: RunningOrg, http: aiohttp.ClientSession, team: Team) -> None:
    approval = org.tokens.authorize(team.rep.user_id, ("api", "refresh_token"))
    refresh_token, config = org.tokens.issue_refresh(approval), org.org.config
    await team.admin("PATCH", f"/sobjects/User/{team.rep.user_id}", {"IsActive": False}, 204)
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    form |= {"client_id": config.client_id, "client_secret": config.client_secret}
    async with http.post("/services/oauth2/token", data=form) as reply:
        assert (reply.status, await reply.json()) == (
            400,
            {"error": "invalid_grant", "error_description": "inactive user"},
        )


async def test_every_grant_of_oauth_is_some_users(http: aiohttp.ClientSession) -> None:
    user = UserSpec("two@org.example", password="secret-two")
    config = OrgConfig(users=(user,), password_flow_enabled=True, client_credentials_username=user.username)
    async with await serve(config) as org:
        (row,) = org.org.rows_with("User", "Username", user.username)
        page = await login_page(http, org)
        wrong = await submit(http, page, org.base_url, username=user.username, pw=config.password)
        assert wrong.status == 200
        reply = await submit(http, page, org.base_url, username=user.username, pw=user.password)
        _, by_code = await exchange(http, org, answer_of(reply)["code"])
        _, by_credentials = await token(http, org, grant_type="client_credentials")
        password = {"username": user.username, "password": user.password}
        _, by_password = await token(http, org, grant_type="password", **password)
        for granted in (by_code, by_credentials, by_password):
            assert granted["id"].endswith(f"/{row['Id']}")
            headers = {"Authorization": f"Bearer {granted['access_token']}"}
            async with http.get(granted["id"], headers=headers) as identity:
                assert (await identity.json())["username"] == user.username


async def test_users_change_what_is_personal_about_themselves(team: Team) -> None:
    own = f"/sobjects/User/{team.rep.user_id}"
    await team.rep("PATCH", own, {"TimeZoneSidKey": "Europe/Berlin"}, 204)
    await team.rep("PATCH", own, {"IsActive": False}, 403)
    await team.rep("PATCH", f"/sobjects/User/{team.peer.user_id}", {"TimeZoneSidKey": "Europe/Berlin"}, 403)
