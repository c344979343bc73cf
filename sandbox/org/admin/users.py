"""The test side of users: make one, get a session for one, change what one may do, without logging in."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from sandbox.org.admin.forms import AdminError, answer, arguments, text
from sandbox.org.admin.site import refusal
from sandbox.org.http.paths import ADMIN_PREFIX
from sandbox.org.http.wire import json_response
from sandbox.org.logins.sessions import Sessions
from sandbox.org.rows.writes import Actor, Row, Write
from sandbox.org.store.org import Org
from sandbox.org.store.people import add_user
from sandbox.org.streaming.sessions import SessionTable
from sandbox.org.users.specs import STANDARD_USER, UserSpec


def routes(org: Org, sessions: Sessions, cometd_sessions: SessionTable) -> list[web.RouteDef]:
    """`GET /__admin__/users`, `POST /__admin__/users` and `POST /__admin__/users/{username}`."""

    async def listing(_request: web.Request) -> web.Response:
        return json_response([described(org, sessions, row) for row in org.rows("User")])

    async def create(request: web.Request) -> web.Response:
        """``{"username": ..., "password"?, "profile"?, "permission_sets"?: [...]}``; the answer has a session."""
        try:
            spec = _spec(await arguments(request))
            user_id = add_user(org, spec)
        except (AdminError, ValueError) as error:
            return refusal(request, str(error))
        if spec.password:
            sessions.accounts.set_password(user_id, spec.password, spec.security_token)
        return answer(request, {"id": user_id, "access_token": sessions.issue(user_id)}, 201)

    async def change(request: web.Request) -> web.Response:
        """``{"active": false}``, ``{"locked": false}``, ``{"password": ...}``; open polls learn it at once."""
        user = sessions.accounts.find(request.match_info["username"])
        if user is None:
            return refusal(request, f"no user {request.match_info['username']}", 404)
        _change(org, sessions, str(user["Id"]), await arguments(request))
        cometd_sessions.wake_all()
        changed = org.get("User", str(user["Id"]))
        return answer(request, described(org, sessions, changed or user))

    path = f"{ADMIN_PREFIX}/users"
    return [web.get(path, listing), web.post(path, create), web.post(f"{path}/{{username}}", change)]


def _spec(given: Mapping[str, object]) -> UserSpec:
    sets = given.get("permission_sets", ())
    if not isinstance(sets, list | tuple):
        raise AdminError("permission_sets must be a list")
    optional = ("password", "first_name", "last_name", "email", "security_token")
    return UserSpec(
        text(given, "username"),
        profile=str(given.get("profile") or STANDARD_USER),
        permission_sets=tuple(map(str, sets)),
        is_active=given.get("active", True) is True,
        **{name: str(given[name]) for name in optional if given.get(name)},
    )


def _change(org: Org, sessions: Sessions, user_id: str, given: Mapping[str, object]) -> None:
    if isinstance(given.get("active"), bool):
        org.commit([Write("update", "User", user_id, {"IsActive": given["active"]})], Actor(org.admin_user_id, ""))
    if given.get("locked") is False:
        sessions.accounts.unlock(user_id)
    if given.get("password"):
        sessions.accounts.set_password(user_id, str(given["password"]))


def described(org: Org, sessions: Sessions, user: Row) -> dict[str, object]:
    """A user as the admin calls and pages tell it."""
    profile = org.get("Profile", str(user.get("ProfileId") or ""))
    return {
        "id": user["Id"],
        "username": user.get("Username"),
        "name": user.get("Name"),
        "profile": profile and profile.get("Name"),
        "active": bool(user.get("IsActive")),
        "locked": sessions.accounts.is_locked(str(user["Id"])),
    }
