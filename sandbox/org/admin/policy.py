"""The test side of logins: block the app, or shut an address out, while clients are connected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from aiohttp import web

from sandbox.org.admin.forms import answer, arguments
from sandbox.org.admin.site import refusal
from sandbox.org.config import AddressAccess, AppAccess
from sandbox.org.http.paths import ADMIN_PREFIX
from sandbox.org.logins.sessions import Sessions
from sandbox.org.streaming.sessions import SessionTable

_CHOICES: Mapping[str, tuple[str, ...]] = {"app": get_args(AppAccess), "address": get_args(AddressAccess)}


def routes(tokens: Sessions, cometd_sessions: SessionTable) -> list[web.RouteDef]:
    """`POST /__admin__/login-policy` with `{"app": "blocked", "address": "trusted"}`, or one of the two."""

    async def set_policy(request: web.Request) -> web.Response:
        body = await arguments(request)
        for name, value in body.items():
            if value not in _CHOICES.get(name, ()):
                return refusal(request, f"{name} must be one of {dict(_CHOICES)}")
        for name, value in body.items():
            setattr(tokens.policy, name, value)
        if body.get("app") == "blocked":
            tokens.revoke_app()
            cometd_sessions.wake_all()
        tokens.org.faults.note("login-policy", body)
        return answer(request, {"app": tokens.policy.app, "address": tokens.policy.address})

    return [web.post(f"{ADMIN_PREFIX}/login-policy", set_policy)]
