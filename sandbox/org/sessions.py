"""Access tokens, refresh tokens and authorization codes of one org."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from sandbox.org.store import Org

# OAuth Authorization Flows: an authorization code expires after 15 minutes.
CODE_LIFETIME_SECONDS = 15 * 60


class GrantError(Exception):
    """A token request that is refused; `error` and `description` go on the wire."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description


@dataclass(frozen=True, slots=True)
class Authorization:
    """What one approval allows; every token of the approval carries it."""

    family: str
    user_id: str
    scopes: tuple[str, ...] = ()


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
    expires_at: float | None


@dataclass(frozen=True, slots=True)
class RefreshToken:
    authorization: Authorization
    rotated: bool = False


@dataclass(slots=True)
class Sessions:
    """Issues, checks and revokes tokens. Tokens are random: nothing about them can be guessed from the seed."""

    org: Org
    _codes: dict[str, PendingCode] = field(default_factory=dict, repr=False)
    _access: dict[str, AccessToken] = field(default_factory=dict, repr=False)
    _refresh: dict[str, RefreshToken] = field(default_factory=dict, repr=False)

    def authorize(self, user_id: str, scopes: Iterable[str]) -> Authorization:
        """A new approval."""
        return Authorization(secrets.token_urlsafe(8), user_id, tuple(scopes))

    def issue(self, user_id: str, scopes: Iterable[str] = ("api",)) -> str:
        """An access token of its own approval."""
        return self.issue_access(self.authorize(user_id, scopes))

    def issue_access(self, authorization: Authorization) -> str:
        """`00D<15-character organization id>!<random>`, as Salesforce's look."""
        token = f"{self.org.organization_id[:15]}!AQ{secrets.token_urlsafe(60)}"
        lifetime = self.org.config.access_token_lifetime_seconds
        self._access[token] = AccessToken(authorization, None if lifetime is None else self.org.clock() + lifetime)
        return token

    def issue_refresh(self, authorization: Authorization) -> str:
        token = f"5Aep861{secrets.token_urlsafe(60)}"
        self._refresh[token] = RefreshToken(authorization)
        return token

    def check(self, authorization_header: str | None) -> str | None:
        """The user id behind `Bearer <token>` or `OAuth <token>`; None when there is no live session."""
        scheme, _, token = (authorization_header or "").partition(" ")
        return self.check_token(token.strip()) if scheme.lower() in {"bearer", "oauth"} else None

    def check_token(self, token: str) -> str | None:
        session = self._access.get(token)
        if session is None:
            return None
        if session.expires_at is not None and session.expires_at <= self.org.clock():
            del self._access[token]
            return None
        return session.authorization.user_id

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

        A rotated token that comes back was stolen or replayed: its whole family is revoked.
        """
        found = self._refresh.get(token)
        if found is None:
            raise GrantError("invalid_grant", "expired access/refresh token")
        if found.rotated:
            self._revoke_family(found.authorization.family)
            raise GrantError("invalid_grant", "expired access/refresh token")
        if not self.org.config.rotate_refresh_tokens:
            return found.authorization, None
        self._refresh[token] = replace(found, rotated=True)
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

    def _revoke_family(self, family: str) -> None:
        self._access = {key: one for key, one in self._access.items() if one.authorization.family != family}
        self._refresh = {key: one for key, one in self._refresh.items() if one.authorization.family != family}


def challenge_of(code_verifier: str) -> str:
    """PKCE S256 (RFC 7636 section 4.2)."""
    digest = hashlib.sha256(code_verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
