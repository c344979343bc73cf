"""``/sobjects/User/{id}/password``: whether a password has expired, a new one, a generated one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from sandbox.org.http.paths import DATA
from sandbox.org.http.wire import USER_ID, api_error, json_object, json_response, not_found
from sandbox.org.logins.accounts import Accounts
from sandbox.org.store.org import Org
from sandbox.org.values.ids import to_18

# Password policies of a new org.
MIN_PASSWORD_CHARACTERS = 8
_WEAK = "Your password must be at least 8 characters long."
_NO_ACCESS = "insufficient access rights on cross-reference id"

_Handler = Callable[[web.Request, str], Awaitable[web.Response]]


def routes(org: Org, accounts: Accounts) -> list[web.RouteDef]:
    """The handlers. Users set their own password; others' takes the permission to manage users."""

    def permitted(handler: _Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            user_id = to_18(request.match_info["id"][:15])
            if org.get("User", user_id) is None:
                return not_found()
            if user_id != request[USER_ID] and not org.access.of(request[USER_ID]).manages_users:
                return api_error(403, "INSUFFICIENT_ACCESS", _NO_ACCESS, [])
            return await handler(request, user_id)

        return handle

    async def status(_request: web.Request, _user_id: str) -> web.Response:
        return json_response({"isExpired": False})

    async def replace(request: web.Request, user_id: str) -> web.Response:
        password = (await json_object(request)).get("NewPassword")
        if not isinstance(password, str) or len(password) < MIN_PASSWORD_CHARACTERS:
            return api_error(400, "INVALID_NEW_PASSWORD", _WEAK, [])
        accounts.set_password(user_id, password)
        return web.Response(status=204)

    async def reset(_request: web.Request, user_id: str) -> web.Response:
        return json_response({"NewPassword": accounts.reset_password(user_id)})

    path = f"{DATA}/sobjects/{{object:[Uu]ser}}/{{id:005[0-9A-Za-z]{{12,15}}}}/password"
    return [
        web.get(path, permitted(status)),
        web.post(path, permitted(replace)),
        web.delete(path, permitted(reset)),
    ]
