"""OAuth 2.0 over HTTP: the authorization page, the token endpoint, revocation, and who the user is."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlencode

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, Template

from sandbox.org.identity import identity, userinfo
from sandbox.org.sessions import Authorization, GrantError, Sessions
from sandbox.org.store import Org
from sandbox.org.wire import json_response

__all__ = ["GrantError", "OAuthApi", "Sessions", "routes"]

APP_NAME = "Segment Sync"
LOGIN_FAILED = (
    "Please check your username and password. If you still can't log in, contact your Salesforce administrator."
)
_REQUEST_FIELDS = ("client_id", "redirect_uri", "response_type", "scope", "state", "code_challenge",
                   "code_challenge_method", "prompt", "login_hint")  # fmt: skip
_CALLBACK_STARTS = ("https://", *(f"http://{host}{end}" for host in ("localhost", "127.0.0.1") for end in ":/"))
_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}

Fields = Mapping[str, str]


def routes(org: Org, sessions: Sessions) -> list[web.RouteDef]:
    """Handlers of `/services/oauth2/*` and the identity URL; none of them needs a session."""
    api = OAuthApi(org, sessions)
    base = "/services/oauth2"
    return [
        web.get(f"{base}/authorize", api.show_login),
        web.post(f"{base}/authorize", api.log_in),
        web.post(f"{base}/token", api.token),
        web.route("*", f"{base}/revoke", api.revoke),
        web.route("*", f"{base}/userinfo", api.userinfo),
        web.get("/id/{organization_id}/{user_id}", api.identity),
    ]


@dataclass(frozen=True, slots=True)
class OAuthApi:
    org: Org
    sessions: Sessions

    async def show_login(self, request: web.Request) -> web.StreamResponse:
        fields = {key: str(request.query[key]) for key in _REQUEST_FIELDS if key in request.query}
        return self._refused(fields) or _login_page(fields)

    async def log_in(self, request: web.Request) -> web.StreamResponse:
        form = await _form(request)
        fields = {key: form[key] for key in _REQUEST_FIELDS if key in form}
        refused = self._refused(fields)
        if refused is not None:
            return refused
        if form.get("action") == "deny":
            return _redirect(fields, error="access_denied", error_description="end-user denied authorization")
        config = self.org.config
        if not _same(form.get("username", ""), config.username) or not _same(form.get("pw", ""), config.password):
            return _login_page(fields, LOGIN_FAILED, form.get("username", ""))
        scopes = tuple(fields.get("scope", "api refresh_token").split())
        approval = self.sessions.authorize(self.org.admin_user_id, scopes)
        code = self.sessions.new_code(approval, fields["redirect_uri"], fields.get("code_challenge"))
        return _redirect(fields, code=code)

    def _refused(self, fields: Fields) -> web.StreamResponse | None:
        """Why the page cannot even be shown. Nothing is sent to a redirect URI that was not checked."""
        if not _same(fields.get("client_id", ""), self.org.config.client_id):
            return _error_page("invalid_client_id", "client identifier invalid")
        if not _acceptable_redirect(fields.get("redirect_uri", "")):
            return _error_page("redirect_uri_mismatch", "redirect_uri must match configuration")
        if fields.get("response_type") != "code":
            return _redirect(fields, error="unsupported_response_type", error_description="response type not supported")
        if fields.get("code_challenge_method", "S256") != "S256" or fields.get("code_challenge") == "":
            return _redirect(fields, error="invalid_request", error_description="invalid code challenge")
        return None

    async def token(self, request: web.Request) -> web.Response:
        form = await _form(request)
        try:
            reply = self._grant(form, form | _basic_credentials(request))
        except GrantError as error:
            body = {"error": error.error, "error_description": error.description}
            return json_response(body, 400, headers=_NO_STORE)
        return json_response(self._signed(reply, _base_url(request)), headers=_NO_STORE)

    def _grant(self, form: Fields, client: Fields) -> dict[str, object]:
        grants: dict[str, Callable[[Fields], dict[str, object]]] = {
            "authorization_code": self._by_code,
            "refresh_token": self._by_refresh_token,
            "client_credentials": self._by_client_credentials,
            "password": self._by_password,
        }
        if "grant_type" not in form:
            raise GrantError("invalid_request", "missing required parameter: grant_type")
        if form["grant_type"] not in grants:
            raise GrantError("unsupported_grant_type", "grant type not supported")
        self._check_client(client)
        return grants[form["grant_type"]](form)

    def _check_client(self, fields: Fields) -> None:
        if not _same(fields.get("client_id", ""), self.org.config.client_id):
            raise GrantError("invalid_client_id", "client identifier invalid")
        if not _same(fields.get("client_secret", ""), self.org.config.client_secret):
            raise GrantError("invalid_client", "invalid client credentials")

    def _by_code(self, form: Fields) -> dict[str, object]:
        code, redirect_uri = form.get("code", ""), form.get("redirect_uri", "")
        approval = self.sessions.redeem_code(code, redirect_uri, form.get("code_verifier"))
        reply = self._access(approval)
        if "refresh_token" in approval.scopes or "offline_access" in approval.scopes:
            reply["refresh_token"] = self.sessions.issue_refresh(approval)
        return reply

    def _by_refresh_token(self, form: Fields) -> dict[str, object]:
        approval, replacement = self.sessions.refresh(form.get("refresh_token", ""))
        reply = self._access(approval)
        return reply if replacement is None else reply | {"refresh_token": replacement}

    def _by_client_credentials(self, form: Fields) -> dict[str, object]:
        return self._access(self.sessions.authorize(self.org.admin_user_id, ("api",)))

    def _by_password(self, form: Fields) -> dict[str, object]:
        """From loopback, a trusted address, the password is accepted with and without the security token."""
        config = self.org.config
        given = form.get("password", "")
        right = any(_same(given, one) for one in (config.password, config.password + config.security_token))
        if not config.password_flow_enabled or form.get("username") != config.username or not right:
            raise GrantError("invalid_grant", "authentication failure")
        return self._access(self.sessions.authorize(self.org.admin_user_id, ()))

    def _access(self, approval: Authorization) -> dict[str, object]:
        reply: dict[str, object] = {"access_token": self.sessions.issue_access(approval), "user_id": approval.user_id}
        return reply | {"scope": " ".join(approval.scopes)} if approval.scopes else reply

    def _signed(self, reply: dict[str, object], base_url: str) -> dict[str, object]:
        identity_url = f"{base_url}/id/{self.org.organization_id}/{reply.pop('user_id')}"
        issued_at = str(int(self.org.clock() * 1000))
        key, text = self.org.config.client_secret.encode(), f"{identity_url}{issued_at}".encode()
        signature = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
        return reply | {
            "signature": signature,
            "instance_url": base_url,
            "id": identity_url,
            "token_type": "Bearer",
            "issued_at": issued_at,
        }

    async def revoke(self, request: web.Request) -> web.Response:
        form = await _form(request)
        token = form.get("token") or request.query.get("token", "")
        if self.sessions.revoke(token):
            return web.Response(status=200)
        return json_response({"error": "invalid_token", "error_description": "invalid token: "}, 400)

    async def userinfo(self, request: web.Request) -> web.Response:
        user_id = self._session(request)
        if user_id is None:
            return web.Response(status=403, text="Bad_OAuth_Token")
        return json_response(userinfo(self.org, user_id, _base_url(request)))

    async def identity(self, request: web.Request) -> web.Response:
        organization_id, user_id = request.match_info["organization_id"], request.match_info["user_id"]
        if organization_id not in {self.org.organization_id, self.org.organization_id[:15]}:
            return web.Response(status=403, text="Wrong_Org")
        if self._session(request) != user_id:
            return web.Response(status=403, text="Bad_OAuth_Token")
        return json_response(identity(self.org, user_id, _base_url(request), request.query.get("version")))

    def _session(self, request: web.Request) -> str | None:
        by_query = request.query.get("oauth_token") or request.query.get("access_token")
        if by_query:
            return self.sessions.check_token(by_query)
        return self.sessions.check(request.headers.get("Authorization"))


async def _form(request: web.Request) -> dict[str, str]:
    """Text fields of a form body; a later field of the same name wins, files are ignored."""
    try:
        posted = await request.post()
    except (UnicodeDecodeError, LookupError):
        raise web.HTTPBadRequest(text="the form is not in the charset that it claims") from None
    return {name: value for name, value in posted.items() if isinstance(value, str)}


def _basic_credentials(request: web.Request) -> dict[str, str]:
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return {}
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise GrantError("invalid_client", "invalid client credentials") from None
    return {"client_id": client_id, "client_secret": secret}


def _same(given: str, expected: str) -> bool:
    return secrets.compare_digest(given.encode(), expected.encode())


def _acceptable_redirect(uri: str) -> bool:
    """Apps register HTTPS callbacks, or plain HTTP on the own machine."""
    return uri.isprintable() and uri.startswith(_CALLBACK_STARTS)


def _redirect(fields: Fields, **answer: str) -> web.Response:
    if "state" in fields:
        answer["state"] = fields["state"]
    uri = fields["redirect_uri"]
    location = f"{uri}{'&' if '?' in uri else '?'}{urlencode(answer)}"
    return web.Response(status=302, headers={"Location": location, **_NO_STORE})


def _base_url(request: web.Request) -> str:
    return f"{request.scheme}://{request.host}"


def _login_page(fields: Fields, error: str = "", username: str = "") -> web.Response:
    html = _template("login.html").render(
        org_name="Simulated Salesforce",
        app_name=APP_NAME,
        scopes=fields.get("scope", "").split(),
        hidden=fields,
        error=error,
        username=username or fields.get("login_hint", ""),
    )
    return web.Response(text=html, content_type="text/html", headers=_NO_STORE)


def _error_page(error: str, description: str) -> web.Response:
    html = _template("oauth_error.html").render(error=error, description=description)
    return web.Response(text=html, status=400, content_type="text/html", headers=_NO_STORE)


@lru_cache
def _template(name: str) -> Template:
    loader = FileSystemLoader(Path(__file__).with_name("templates"))
    return Environment(loader=loader, autoescape=True).get_template(name)
