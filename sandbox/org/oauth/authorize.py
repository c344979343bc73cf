"""The web server flow in the browser: login, verification code, consent, and back to the app with a code."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlencode

from aiohttp import web

from sandbox.org.http.addresses import base_path
from sandbox.org.http.forms import Fields, form_fields
from sandbox.org.logins.accounts import same
from sandbox.org.logins.pending import PendingLogin, PendingLogins
from sandbox.org.logins.scopes import SCOPE_LABELS
from sandbox.org.logins.sessions import Sessions
from sandbox.org.oauth.pages import NO_STORE, error_page, page
from sandbox.org.store.org import Org

AUTHORIZE = "/services/oauth2/authorize"
VERIFICATION = "/_ui/identity/verification/method/EmailVerificationFinishUi/e"
CONSENT = "/setup/secur/RemoteAccessAuthorizationPage.apexp"

LOGIN_FAILED = (
    "Please check your username and password. If you still can't log in, contact your Salesforce administrator."
)
RESTRICTED = "You can't log in from this network address. Contact your Salesforce administrator."
LOGIN_EXPIRED = "Your login took too long. Log in again."
WRONG_CODE = "The verification code is not right. Try again."

_REQUEST_FIELDS = ("client_id", "redirect_uri", "response_type", "scope", "state", "code_challenge",
                   "code_challenge_method", "prompt", "login_hint", "nonce")  # fmt: skip
_CALLBACK_STARTS = ("https://", *(f"http://{host}{end}" for host in ("localhost", "127.0.0.1") for end in ":/"))
# S256 is 32 bytes in base64url without padding.
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class AuthorizePages:
    """The pages of one org."""

    org: Org
    sessions: Sessions
    logins: PendingLogins

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(AUTHORIZE, self.show_login),
            web.post(AUTHORIZE, self.log_in),
            web.post(VERIFICATION, self.verify),
            web.post(CONSENT, self.consent),
        ]

    async def show_login(self, request: web.Request) -> web.StreamResponse:
        fields = {key: str(request.query[key]) for key in _REQUEST_FIELDS if key in request.query}
        return self._refused(fields) or _login_page(request, fields)

    async def log_in(self, request: web.Request) -> web.StreamResponse:
        form = await form_fields(request)
        fields = {key: form[key] for key in _REQUEST_FIELDS if key in form}
        refused = self._refused(fields)
        if refused is not None:
            return refused
        if form.get("action") == "deny":
            return _denied(fields)
        outcome, user_id = self.sessions.accounts.check(form.get("username", ""), form.get("pw", ""))
        if outcome != "right":
            return _login_page(request, fields, LOGIN_FAILED, form.get("username", ""))
        if self.sessions.policy.address == "restricted":
            return _login_page(request, fields, RESTRICTED, form.get("username", ""))
        verified = not self.org.config.verification_code
        return self._next(request, self.logins.start(user_id, fields, verified=verified))

    async def verify(self, request: web.Request) -> web.StreamResponse:
        form = await form_fields(request)
        ticket = form.get("ticket", "")
        right = self.logins.verify(ticket, form.get("emc", ""), self.org.config.verification_code)
        return self._next(request, ticket, "" if right else WRONG_CODE)

    async def consent(self, request: web.Request) -> web.StreamResponse:
        form = await form_fields(request)
        ticket = form.get("ticket", "")
        login = self.logins.find(ticket)
        if login is None or not login.verified:
            return self._next(request, ticket)
        self.logins.finish(ticket)
        return self._granted(login) if form.get("action") == "allow" else _denied(login.fields)

    def _next(self, request: web.Request, ticket: str, error: str = "") -> web.Response:
        """The page that a login is at, or its end."""
        login = self.logins.find(ticket)
        if login is None:
            return error_page("access_denied", LOGIN_EXPIRED)
        if not login.verified:
            return page("verification.html", action=base_path(request) + VERIFICATION, ticket=ticket, error=error)
        if self._consent_needed(login):
            labels = dict.fromkeys(SCOPE_LABELS[scope] for scope in _scopes(login.fields))
            return page("consent.html", action=base_path(request) + CONSENT, ticket=ticket, labels=labels)
        self.logins.finish(ticket)
        return self._granted(login)

    def _consent_needed(self, login: PendingLogin) -> bool:
        """An app that the user allowed before does not ask again, unless it wants to."""
        if "consent" in login.fields.get("prompt", "").split():
            return True
        return self.org.config.consent_page and not self.sessions.has_approved(login.user_id)

    def _granted(self, login: PendingLogin) -> web.Response:
        self.sessions.approve(login.user_id)
        approval = self.sessions.authorize(login.user_id, _scopes(login.fields), nonce=login.fields.get("nonce"))
        redirect_uri, challenge = login.fields["redirect_uri"], login.fields.get("code_challenge")
        return _redirect(login.fields, code=self.sessions.new_code(approval, redirect_uri, challenge))

    def _refused(self, fields: Fields) -> web.StreamResponse | None:
        """Why the page cannot even be shown. Nothing is sent to a redirect URI that was not checked."""
        if not same(fields.get("client_id", ""), self.org.config.client_id):
            return error_page("invalid_client_id", "client identifier invalid")
        if not _acceptable_redirect(fields.get("redirect_uri", "")):
            return error_page("redirect_uri_mismatch", "redirect_uri must match configuration")
        refused = self._refused_request(fields)
        return None if refused is None else _redirect(fields, error=refused[0], error_description=refused[1])

    def _refused_request(self, fields: Fields) -> tuple[str, str] | None:
        blocked, challenge = self.sessions.policy.app_error(), fields.get("code_challenge")
        if blocked is not None:
            return blocked.error, blocked.description
        if fields.get("response_type") != "code":
            return "unsupported_response_type", "response type not supported"
        if any(scope not in SCOPE_LABELS for scope in fields.get("scope", "").split()):
            return "invalid_scope", "the requested scope is not allowed"
        if challenge is None:
            return ("invalid_request", "missing required code challenge") if self.org.config.pkce_required else None
        if fields.get("code_challenge_method", "S256") != "S256" or not _CHALLENGE.fullmatch(challenge):
            return "invalid_request", "invalid code challenge"
        return None


def _scopes(fields: Fields) -> tuple[str, ...]:
    """Without any named, those that the app is registered with."""
    return tuple(dict.fromkeys(fields.get("scope", "").split())) or ("api", "refresh_token")


def _acceptable_redirect(uri: str) -> bool:
    """Apps register HTTPS callbacks, or plain HTTP on the own machine."""
    return uri.isprintable() and uri.startswith(_CALLBACK_STARTS)


def _denied(fields: Fields) -> web.Response:
    return _redirect(fields, error="access_denied", error_description="end-user denied authorization")


def _redirect(fields: Fields, **answer: str) -> web.Response:
    if "state" in fields:
        answer["state"] = fields["state"]
    uri = fields["redirect_uri"]
    location = f"{uri}{'&' if '?' in uri else '?'}{urlencode(answer)}"
    return web.Response(status=302, headers={"Location": location, **NO_STORE})


def _login_page(request: web.Request, fields: Fields, error: str = "", username: str = "") -> web.Response:
    known = username or fields.get("login_hint", "")
    action, scopes = base_path(request) + AUTHORIZE, fields.get("scope", "").split()
    return page("login.html", action=action, hidden=fields, scopes=scopes, error=error, username=known)
