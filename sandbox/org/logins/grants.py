"""What an app may do at the token endpoint right now, and how it is told that it may not."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.org.config import AddressAccess, AppAccess


class GrantError(Exception):
    """A token request that is refused; `error` and `description` go on the wire."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description


@dataclass(slots=True)
class LoginPolicy:
    """What an administrator can change while clients are connected."""

    app: AppAccess
    address: AddressAccess

    def app_error(self) -> GrantError | None:
        if self.app == "blocked":
            return GrantError("OAUTH_APP_BLOCKED", "this app is blocked by admin")
        if self.app == "not approved":
            return GrantError("invalid_app_access", "user is not admin approved to access this app")
        return None

    def check(self) -> None:
        """GrantError when neither this app nor this address gets a token."""
        error = self.app_error()
        if error is not None:
            raise error
        if self.address == "restricted":
            raise GrantError("invalid_grant", "ip restricted")

    @property
    def security_token_needed(self) -> bool:
        return self.address != "trusted"
