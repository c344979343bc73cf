"""OAuth 2.0 over HTTP: the token endpoint, revocation, introspection, and who the user is."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass

import orjson
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from sandbox.org.http.addresses import base_url
from sandbox.org.http.forms import Fields, form_fields
from sandbox.org.http.wire import json_response
from sandbox.org.logins.accounts import same
from sandbox.org.logins.assertions import Assertion, public_key
from sandbox.org.logins.grants import GrantError
from sandbox.org.logins.id_tokens import IdTokens
from sandbox.org.logins.identity import discovery, identity, userinfo
from sandbox.org.logins.introspection import introspection
from sandbox.org.logins.pending import PendingLogins
from sandbox.org.logins.sessions import INACTIVE, Authorization, Sessions
from sandbox.org.oauth.authorize import AuthorizePages
from sandbox.org.oauth.requests import basic_credentials, token_response
from sandbox.org.store.org import Org

__all__ = ["GrantError", "OAuthApi", "Sessions", "routes"]

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
# An approval, and a new refresh token if there is one.
Granted = tuple[Authorization, str | None]

_JSONP_CALLBACK = re.compile(r"[A-Za-z_$][\w$.]{0,99}", re.ASCII)


def routes(org: Org, sessions: Sessions) -> list[web.RouteDef]:
    """Handlers of `/services/oauth2/*`, the login pages and the identity URL; none of them needs a session."""
    api = OAuthApi(org, sessions, public_key(org.config.jwt_public_key), IdTokens())
    base = "/services/oauth2"
    return [
        *AuthorizePages(org, sessions, PendingLogins(org.clock)).routes(),
        web.post(f"{base}/token", api.token),
        web.post(f"{base}/introspect", api.introspect),
        web.route("*", f"{base}/revoke", api.revoke),
        web.route("*", f"{base}/userinfo", api.userinfo),
        web.get("/id/{organization_id}/{user_id}", api.identity),
        web.get("/id/keys", api.keys),
        web.get("/.well-known/openid-configuration", api.discovery),
    ]


@dataclass(frozen=True, slots=True)
class OAuthApi:
    org: Org
    sessions: Sessions
    app_key: RSAPublicKey | None
    id_tokens: IdTokens

    async def token(self, request: web.Request) -> web.Response:
        form, host = await form_fields(request), base_url(request)
        try:
            approval, refresh_token = self._grant(form, form | basic_credentials(request), host)
        except GrantError as error:
            return token_response(request, form, _error(error), 400)
        return token_response(request, form, self._reply(approval, refresh_token, host))

    def _grant(self, form: Fields, client: Fields, host: str) -> Granted:
        grants: dict[str, Callable[[Fields], Granted]] = {
            "authorization_code": self._by_code,
            "refresh_token": self._by_refresh_token,
            "client_credentials": self._by_client_credentials,
            "password": self._by_password,
            JWT_BEARER: lambda fields: self._by_assertion(fields, host),
        }
        if "grant_type" not in form:
            raise GrantError("invalid_request", "missing required parameter: grant_type")
        if form["grant_type"] not in grants:
            raise GrantError("unsupported_grant_type", "grant type not supported")
        if form["grant_type"] != JWT_BEARER:
            self._check_client(client)
        self.sessions.policy.check()
        return grants[form["grant_type"]](form)

    def _check_client(self, fields: Fields) -> None:
        self._check_client_id(fields.get("client_id", ""))
        if not same(fields.get("client_secret", ""), self.org.config.client_secret):
            raise GrantError("invalid_client", "invalid client credentials")

    def _check_client_id(self, client_id: str) -> None:
        if not same(client_id, self.org.config.client_id):
            raise GrantError("invalid_client_id", "client identifier invalid")

    def _by_code(self, form: Fields) -> Granted:
        code, redirect_uri = form.get("code", ""), form.get("redirect_uri", "")
        approval = self.sessions.redeem_code(code, redirect_uri, form.get("code_verifier"))
        lasting = not {"refresh_token", "offline_access"}.isdisjoint(approval.scopes)
        return approval, self.sessions.issue_refresh(approval) if lasting else None

    def _by_refresh_token(self, form: Fields) -> Granted:
        return self.sessions.refresh(form.get("refresh_token", ""))

    def _by_client_credentials(self, _form: Fields) -> Granted:
        if not self.org.config.client_credentials_enabled:
            raise GrantError("invalid_grant", "no client credentials user enabled")
        username = self.org.config.client_credentials_username or self.org.config.username
        return self.sessions.authorize(self._active(username), ("api",)), None

    def _active(self, username: str) -> str:
        """The id of a user; GrantError for one who does not exist or was deactivated."""
        user = self.sessions.accounts.find(username)
        if user is None:
            raise GrantError("invalid_grant", "user hasn't approved this consumer")
        if not user.get("IsActive"):
            raise GrantError(*INACTIVE)
        return str(user["Id"])

    def _by_password(self, form: Fields) -> Granted:
        username, password = form.get("username", ""), form.get("password", "")
        token_needed = self.sessions.policy.security_token_needed
        outcome, user_id = self.sessions.accounts.check(username, password, token_needed=token_needed)
        if not self.org.config.password_flow_enabled or outcome != "right":
            raise GrantError("invalid_grant", "authentication failure")
        return self.sessions.authorize(user_id, ()), None

    def _by_assertion(self, form: Fields, host: str) -> Granted:
        """The signature is the app's credential: no secret, and no refresh token either."""
        config, assertion = self.org.config, Assertion.parse(form.get("assertion", ""))
        self._check_client_id(assertion.issuer)
        assertion.check_signature(self.app_key)
        audiences = (*config.jwt_audiences, host)
        assertion.check_claims(self.org.clock(), config.jwt_window_seconds, audiences, config.jwt_audience_error)
        user_id = self._active(assertion.subject)
        if not (config.jwt_users_approved or self.sessions.has_approved(user_id)):
            raise GrantError("invalid_grant", "user hasn't approved this consumer")
        return self.sessions.authorize(user_id, ("api",)), None

    def _reply(self, approval: Authorization, refresh_token: str | None, host: str) -> dict[str, object]:
        access_token, scope = self.sessions.issue_access(approval), " ".join(approval.scopes)
        identity_url = f"{host}/id/{self.org.organization_id}/{approval.user_id}"
        optional = {"refresh_token": refresh_token, "scope": scope or None}
        if "openid" in approval.scopes:
            claims = {"sub": identity_url, "aud": self.org.config.client_id, "iss": host, "nonce": approval.nonce}
            optional["id_token"] = self.id_tokens.issue(claims, access_token, self.org.clock())
        return {
            "access_token": access_token,
            **{name: value for name, value in optional.items() if value is not None},
            **self._signed(identity_url),
            "instance_url": host,
            "token_type": "Bearer",
        }

    def _signed(self, identity_url: str) -> dict[str, str]:
        """Who the user is and when, with proof that it comes from somebody who knows the app's secret."""
        issued_at = str(int(self.org.clock() * 1000))
        key, text = self.org.config.client_secret.encode(), f"{identity_url}{issued_at}".encode()
        signature = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
        return {"signature": signature, "id": identity_url, "issued_at": issued_at}

    async def introspect(self, request: web.Request) -> web.Response:
        form = await form_fields(request)
        try:
            self._check_client(form | basic_credentials(request))
        except GrantError as error:
            return token_response(request, form, _error(error), 400)
        return json_response(introspection(self.org, self.sessions, form.get("token", ""), base_url(request)))

    async def revoke(self, request: web.Request) -> web.Response:
        """POST, or GET for clients that cannot post; with `callback` the answer is a script (JSONP)."""
        form = await form_fields(request)
        revoked = self.sessions.revoke(form.get("token") or request.query.get("token", ""))
        callback = request.query.get("callback", "")
        if _JSONP_CALLBACK.fullmatch(callback):
            answer = orjson.dumps({} if revoked else {"error": "invalid_token"}).decode()
            return web.Response(text=f"{callback}({answer});", content_type="application/javascript")
        if revoked:
            return web.Response(status=200)
        return json_response({"error": "invalid_token", "error_description": "invalid token: "}, 400)

    async def userinfo(self, request: web.Request) -> web.Response:
        user_id = await self._session(request)
        if user_id is None:
            return web.Response(status=403, text="Bad_OAuth_Token")
        return json_response(userinfo(self.org, user_id, base_url(request)))

    async def identity(self, request: web.Request) -> web.Response:
        organization_id, user_id = request.match_info["organization_id"], request.match_info["user_id"]
        if organization_id not in {self.org.organization_id, self.org.organization_id[:15]}:
            return web.Response(status=403, text="Wrong_Org")
        signed_in = await self._session(request)
        if signed_in is None or user_id not in {signed_in, signed_in[:15]}:
            return web.Response(status=403, text="Bad_OAuth_Token")
        return json_response(identity(self.org, signed_in, base_url(request), request.query.get("version")))

    async def discovery(self, request: web.Request) -> web.Response:
        return json_response(discovery(base_url(request)))

    async def keys(self, _request: web.Request) -> web.Response:
        return json_response(self.id_tokens.key_set())

    async def _session(self, request: web.Request) -> str | None:
        form = await form_fields(request)
        for name in ("oauth_token", "access_token"):
            token = request.query.get(name) or form.get(name)
            if token:
                return self.sessions.check_token(token)
        return self.sessions.check(request.headers.get("Authorization"))


def _error(error: GrantError) -> dict[str, str]:
    return {"error": error.error, "error_description": error.description}
