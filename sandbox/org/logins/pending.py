"""Logins in the browser that are not finished yet."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sandbox.org.logins.accounts import same

# Long enough for a person to find the code in a mailbox.
LOGIN_LIFETIME_SECONDS = 15 * 60
VERIFICATION_ATTEMPTS = 5


@dataclass(slots=True)
class PendingLogin:
    """Somebody gave the right password and has further pages before them."""

    user_id: str
    # The authorization request that is granted at the end.
    fields: Mapping[str, str]
    expires_at: float
    verified: bool
    attempts_left: int = VERIFICATION_ATTEMPTS


@dataclass(slots=True)
class PendingLogins:
    """Unfinished logins by their ticket, which the pages carry in a hidden field."""

    clock: Callable[[], float]
    _by_ticket: dict[str, PendingLogin] = field(default_factory=dict, repr=False)

    def start(self, user_id: str, fields: Mapping[str, str], *, verified: bool) -> str:
        now = self.clock()
        self._by_ticket = {ticket: one for ticket, one in self._by_ticket.items() if one.expires_at > now}
        ticket = secrets.token_urlsafe(24)
        self._by_ticket[ticket] = PendingLogin(user_id, fields, now + LOGIN_LIFETIME_SECONDS, verified)
        return ticket

    def find(self, ticket: str) -> PendingLogin | None:
        login = self._by_ticket.get(ticket)
        return None if login is None or login.expires_at <= self.clock() else login

    def verify(self, ticket: str, given: str, expected: str) -> bool:
        """Check a verification code; too many wrong ones end the login."""
        login = self.find(ticket)
        if login is None:
            return False
        login.verified = same(given.strip(), expected)
        login.attempts_left -= 1
        if not login.verified and login.attempts_left <= 0:
            self.finish(ticket)
        return login.verified

    def finish(self, ticket: str) -> None:
        self._by_ticket.pop(ticket, None)
