"""Access tokens, refresh tokens and authorization codes of one org."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from sandbox.org.logins.accounts import Accounts
from sandbox.org.logins.grants import GrantError, LoginPolicy
from sandbox.org.store.org import Org

# OAuth Authorization Flows: an authorization code expires after 15 minutes.
CODE_LIFETIME_SECONDS = 15 * 60
# Seen from real orgs.
INACTIVE = ("invalid_grant", "inactive user")
_EXPIRED = ("invalid_grant", "expired access/refresh token")


@dataclass(frozen=True, slots=True)
class Authorization:
    """What one approval allows; every token of the approval carries it."""

    family: str
    user_id: str
    scopes: tuple[str, ...] = ()
    # False: a session of a login without an app (SOAP).
    by_app: bool = True
    # What the app wants to find again in the id token.
    nonce: str | None = None


@dataclass(frozen=True, slots=True)
class PendingCode:
    """An authorization code waiting to be exchanged."""

    authorization: Authorization
    redirect_uri: str
    code_challenge: str | None
    expires_at: float


@dataclass(frozen=True, slots=True)
class AccessToken:
    authorization: Authorization
    issued_at: float
    expires_at: float | None


@dataclass(frozen=True, slots=True)
class RefreshToken:
    authorization: Authorization
    issued_at: float
    used_at: float
    rotated: bool = False


@dataclass(slots=True)
class Sessions:
    """Issues, checks and revokes tokens. Tokens are random: nothing about them can be guessed from the seed."""

    org: Org
    policy: LoginPolicy = field(init=False)
    accounts: Accounts = field(init=False)
    _codes: dict[str, PendingCode] = field(default_factory=dict, repr=False)
    _access: dict[str, AccessToken] = field(default_factory=dict, repr=False)
    _refresh: dict[str, RefreshToken] = field(default_factory=dict, repr=False)
    _approved_users: set[str] = field(default_factory=set, repr=False)
    issued: int = 0
    """Access tokens, ever."""
    families_revoked: int = 0
    """Approvals that ended because a rotated refresh token came again."""

    def __post_init__(self) -> None:
        self.accounts = Accounts(self.org)
        self.policy = LoginPolicy(self.org.config.app_access, self.org.config.address_access)

    def authorize(
        self, user_id: str, scopes: Iterable[str], *, by_app: bool = True, nonce: str | None = None
    ) -> Authorization:
        """A new approval."""
        return Authorization(secrets.token_urlsafe(8), user_id, tuple(scopes), by_app, nonce)

    def issue(self, user_id: str, scopes: Iterable[str] = ("api",), *, by_app: bool = True) -> str:
        """An access token of its own approval."""
        return self.issue_access(self.authorize(user_id, scopes, by_app=by_app))

    def issue_access(self, authorization: Authorization) -> str:
        """`00D<15-character organization id>!<random>`, as Salesforce's look."""
        token = f"{self.org.organization_id[:15]}!AQ{secrets.token_urlsafe(60)}"
        now, lifetime = self.org.clock(), self.org.config.access_token_lifetime_seconds
        self.issued += 1
        self._access[token] = AccessToken(authorization, now, None if lifetime is None else now + lifetime)
        return token

    def issue_refresh(self, authorization: Authorization) -> str:
        """A refresh token; the user's oldest approvals beyond the allowed number end without a word."""
        token, now = f"5Aep861{secrets.token_urlsafe(60)}", self.org.clock()
        self._refresh[token] = RefreshToken(authorization, now, now)
        of_user = (one.authorization for one in self._refresh.values())
        families = list(dict.fromkeys(one.family for one in of_user if one.user_id == authorization.user_id))
        for family in families[: -self.org.config.approvals_per_user]:
            self._revoke_family(family)
        return token

    def approve(self, user_id: str) -> None:
        """The user allowed the app on the consent page."""
        self._approved_users.add(user_id)

    def has_approved(self, user_id: str) -> bool:
        return user_id in self._approved_users

    def check(self, authorization_header: str | None) -> str | None:
        """The user id behind `Bearer <token>` or `OAuth <token>`; None when there is no live session."""
        scheme, _, token = (authorization_header or "").partition(" ")
        return self.check_token(token.strip()) if scheme.lower() in {"bearer", "oauth"} else None

    def check_token(self, token: str) -> str | None:
        """The user id behind a live token, which using it keeps alive; None for the sessions of inactive users."""
        session = self.find_access(token)
        if session is None or not self.accounts.is_active(session.authorization.user_id):
            return None
        self._prolong(token, session)
        return session.authorization.user_id

    def _prolong(self, token: str, session: AccessToken) -> None:
        """Session Settings (Salesforce Help): a timeout starts again when a session is used in its second half."""
        lifetime = self.org.config.access_token_lifetime_seconds
        if lifetime is None or session.expires_at is None or not self.org.config.sessions_roll:
            return
        now = self.org.clock()
        if session.expires_at - now < lifetime / 2:
            self._access[token] = replace(session, expires_at=now + lifetime)

    def live_access(self) -> list[AccessToken]:
        """The access tokens that are good now, without their texts."""
        return [one for token in [*self._access] if (one := self.find_access(token)) is not None]

    def find_access(self, token: str) -> AccessToken | None:
        """A live access token."""
        session = self._access.get(token)
        if session is None or session.expires_at is None or session.expires_at > self.org.clock():
            return session
        del self._access[token]
        return None

    def find_refresh(self, token: str) -> RefreshToken | None:
        """A refresh token that can be used."""
        found = self._refresh.get(token)
        return None if found is None or found.rotated or self._idle_too_long(found) else found

    def _idle_too_long(self, token: RefreshToken) -> bool:
        lifetime = self.org.config.refresh_token_idle_lifetime_seconds
        return lifetime is not None and token.used_at + lifetime <= self.org.clock()

    def new_code(self, authorization: Authorization, redirect_uri: str, code_challenge: str | None) -> str:
        code = f"aPrx{secrets.token_urlsafe(40)}"
        expires_at = self.org.clock() + CODE_LIFETIME_SECONDS
        self._codes[code] = PendingCode(authorization, redirect_uri, code_challenge, expires_at)
        return code

    def redeem_code(self, code: str, redirect_uri: str, code_verifier: str | None) -> Authorization:
        """The approval behind a code, once. GrantError as Salesforce words it."""
        pending = self._codes.pop(code, None)
        if pending is None or pending.expires_at <= self.org.clock():
            raise GrantError("invalid_grant", "expired authorization code")
        if pending.redirect_uri != redirect_uri:
            raise GrantError("redirect_uri_mismatch", "redirect_uri must match configuration")
        if pending.code_challenge is not None and challenge_of(code_verifier or "") != pending.code_challenge:
            raise GrantError("invalid_grant", "invalid code verifier")
        return pending.authorization

    def refresh(self, token: str) -> tuple[Authorization, str | None]:
        """The approval behind a refresh token, and the token that replaces it when rotation is on.

        GrantError when it cannot be used; one that was rotated away may take its whole family along.
        """
        config, found = self.org.config, self.find_refresh(token)
        if found is None:
            reused = self._refresh.get(token)
            if reused is not None and reused.rotated and config.reuse_revokes_family:
                self.families_revoked += 1
                self._revoke_family(reused.authorization.family)
            raise GrantError(*_EXPIRED)
        if not self.accounts.is_active(found.authorization.user_id):
            raise GrantError(*INACTIVE)
        self._refresh[token] = replace(found, rotated=config.rotate_refresh_tokens, used_at=self.org.clock())
        if not config.rotate_refresh_tokens:
            return found.authorization, None
        return found.authorization, self.issue_refresh(found.authorization)

    def revoke(self, token: str) -> bool:
        """Revoke an access token, or a refresh token with its access tokens; False when unknown."""
        if self._access.pop(token, None) is not None:
            return True
        found = self._refresh.get(token)
        if found is None:
            return False
        self._revoke_family(found.authorization.family)
        return True

    def revoke_access_tokens(self) -> int:
        """End every session; refresh tokens stay good. Returns how many were live."""
        count = len(self._access)
        self._access.clear()
        return count

    def revoke_all(self) -> None:
        """End every session and every approval."""
        for tokens in (self._access, self._refresh, self._codes):
            tokens.clear()

    def revoke_app(self) -> None:
        """End what the app holds, as blocking it does; logins without an app go on."""
        self._access = {key: one for key, one in self._access.items() if not one.authorization.by_app}
        self._refresh.clear()
        self._codes.clear()

    def _revoke_family(self, family: str) -> None:
        self._access = {key: one for key, one in self._access.items() if one.authorization.family != family}
        self._refresh = {key: one for key, one in self._refresh.items() if one.authorization.family != family}


def challenge_of(code_verifier: str) -> str:
    """PKCE S256 (RFC 7636 section 4.2)."""
    digest = hashlib.sha256(code_verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
