"""Token introspection (RFC 7662): for clients the only way to learn how long a token lives."""

from __future__ import annotations

from sandbox.org.logins.sessions import Authorization, Sessions
from sandbox.org.store.org import Org

# The session timeout of a new org. It is told even when tokens of this org are set up not to expire.
_SESSION_TIMEOUT_SECONDS = 2 * 3600


def introspection(org: Org, sessions: Sessions, token: str, base_url: str) -> dict[str, object]:
    """What is known of a token; `{"active": false}` for one that is dead, or was not granted to an app by OAuth."""
    access, refresh = sessions.find_access(token), sessions.find_refresh(token)
    if access is not None:
        expires_at = access.expires_at or access.issued_at + _SESSION_TIMEOUT_SECONDS
        return _active(org, access.authorization, base_url, "access_token", access.issued_at, expires_at)
    if refresh is not None:
        return _active(org, refresh.authorization, base_url, "refresh_token", refresh.issued_at, None)
    return {"active": False}


def _active(
    org: Org, authorization: Authorization, base_url: str, token_type: str, issued_at: float, expires_at: float | None
) -> dict[str, object]:
    # Sessions of the password flow and of SOAP have no scope and cannot be introspected.
    if not authorization.scopes or not authorization.by_app:
        return {"active": False}
    return {
        "active": True,
        "scope": " ".join(authorization.scopes),
        "client_id": org.config.client_id,
        "username": (org.get("User", authorization.user_id) or {}).get("Username", org.config.username),
        "sub": f"{base_url}/id/{org.organization_id}/{authorization.user_id}",
        "token_type": token_type,
        **({} if expires_at is None else {"exp": int(expires_at)}),
        "iat": int(issued_at),
        "nbf": int(issued_at),
    }
