"""Who may log in: passwords, lockouts and deactivated users."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass, field
from typing import Literal

from sandbox.org.rows.writes import Row
from sandbox.org.store.org import Org

LoginOutcome = Literal["right", "wrong", "security token needed"]
_NEW_PASSWORD_LETTERS = string.ascii_letters + string.digits


def same(given: str, expected: str) -> bool:
    """Compare secrets without telling by the time how much was right."""
    return secrets.compare_digest(given.encode(), expected.encode())


@dataclass(slots=True)
class _Credential:
    password: str = field(repr=False)
    security_token: str = field(default="", repr=False)
    wrong_attempts: int = 0
    locked_until: float = 0.0


@dataclass(slots=True)
class Accounts:
    """The logins of one org. Passwords are kept beside the records: no API ever reads them."""

    org: Org
    _credentials: dict[str, _Credential] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        config = self.org.config
        self._credentials[self.org.admin_user_id] = _Credential(config.password, config.security_token)
        for user in config.users:
            row = self.find(user.username)
            if row is not None and user.password:
                self._credentials[str(row["Id"])] = _Credential(user.password, user.security_token)

    def find(self, username: str) -> Row | None:
        """The user of that name in any letter case."""
        return next(iter(self.org.rows_with("User", "Username", username.strip())), None)

    def is_active(self, user_id: str) -> bool:
        """False for a user who was deactivated; what no User record tells about is not kept out."""
        user = self.org.get("User", user_id)
        return user is None or bool(user.get("IsActive"))

    def may_use_api(self, user_id: str) -> bool:
        """The permission "API Enabled"; what no User record tells about is not kept out."""
        return "PermissionsApiEnabled" in self.org.access.of(user_id).system or self.org.get("User", user_id) is None

    def check(self, username: str, password: str, *, token_needed: bool = False) -> tuple[LoginOutcome, str]:
        """The outcome of a login, and the user's id when it is right.

        A user who is locked out or inactive is told no more than one with a wrong password. The security token behind
        the password may be left out when it is not needed.
        """
        user = self.find(username)
        known = None if user is None else self._credentials.get(str(user["Id"]))
        if user is None or known is None or not user.get("IsActive") or known.locked_until > self.org.clock():
            return "wrong", ""
        bare, with_token = same(password, known.password), same(password, known.password + known.security_token)
        if not (bare or with_token):
            self._count_wrong(known)
            return "wrong", ""
        known.wrong_attempts = 0
        if token_needed and not with_token:
            return "security token needed", ""
        return "right", str(user["Id"])

    def _count_wrong(self, known: _Credential) -> None:
        known.wrong_attempts += 1
        if known.wrong_attempts >= self.org.config.lockout_attempts:
            known.wrong_attempts = 0
            known.locked_until = self.org.clock() + self.org.config.lockout_seconds

    def is_locked(self, user_id: str) -> bool:
        known = self._credentials.get(user_id)
        return known is not None and known.locked_until > self.org.clock()

    def unlock(self, user_id: str) -> None:
        """Let a locked-out user try again."""
        if user_id in self._credentials:
            self._credentials[user_id].locked_until = 0.0

    def set_password(self, user_id: str, password: str, security_token: str = "") -> None:
        """A new password ends a lockout; the security token stays unless another one is given."""
        known = self._credentials.get(user_id)
        token = security_token or (known.security_token if known else "")
        self._credentials[user_id] = _Credential(password, token)

    def reset_password(self, user_id: str) -> str:
        """A generated password, as Salesforce mails it."""
        password = "".join(secrets.choice(_NEW_PASSWORD_LETTERS) for _ in range(10))
        self.set_password(user_id, password)
        return password
