"""How long tokens live, on a clock of the test's own."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.logins.accounts import Accounts
from sandbox.org.logins.grants import GrantError
from sandbox.org.logins.introspection import introspection
from sandbox.org.logins.pending import LOGIN_LIFETIME_SECONDS, PendingLogins
from sandbox.org.logins.sessions import CODE_LIFETIME_SECONDS, Sessions
from sandbox.org.store.org import Org
from sandbox.org.store.people import add_user
from sandbox.org.users.specs import UserSpec

START = 1_700_000_000.0


class Clock:
    now = START

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def sessions_of(clock: Clock, config: OrgConfig) -> Sessions:
    return Sessions(Org(config, clock))


def test_an_idle_refresh_token_dies_and_a_used_one_does_not(clock: Clock) -> None:
    sessions = sessions_of(clock, OrgConfig(refresh_token_idle_lifetime_seconds=100))
    idle, used = (sessions.issue_refresh(sessions.authorize("005", ("api",))) for _ in range(2))
    for _ in range(3):
        clock.now += 60
        assert sessions.refresh(used)[1] is None
    assert sessions.find_refresh(idle) is None
    with pytest.raises(GrantError, match="expired access/refresh token"):
        sessions.refresh(idle)


def test_an_idle_token_that_was_not_rotated_is_no_reuse(clock: Clock) -> None:
    config = OrgConfig(refresh_token_idle_lifetime_seconds=100, rotate_refresh_tokens=True)
    sessions = sessions_of(clock, config)
    approval = sessions.authorize("005", ("api",))
    refresh_token, access_token = sessions.issue_refresh(approval), sessions.issue_access(approval)
    clock.now += 100
    with pytest.raises(GrantError):
        sessions.refresh(refresh_token)
    assert sessions.check_token(access_token) == "005"


def test_an_access_token_expires(clock: Clock) -> None:
    sessions = sessions_of(clock, OrgConfig(access_token_lifetime_seconds=900, sessions_roll=False))
    access_token = sessions.issue("005")
    clock.now += 899
    assert sessions.check(f"Bearer {access_token}") == sessions.check(f"oauth {access_token}") == "005"
    clock.now += 1
    assert sessions.check(f"Bearer {access_token}") is None


def test_a_session_that_is_used_lives_on(clock: Clock) -> None:
    """Session Settings (Salesforce Help): the timeout starts again when the session is used in its second half."""
    sessions = sessions_of(clock, OrgConfig(access_token_lifetime_seconds=900))
    used, idle = sessions.issue("005"), sessions.issue("005")
    for after_seconds in (440, 460, 899):
        clock.now = START + after_seconds
        assert sessions.check_token(used) == "005"
    clock.now = START + 900
    assert (sessions.check_token(used), sessions.check_token(idle)) == ("005", None)
    clock.now = START + 460 + 899
    assert sessions.check_token(used) == "005"
    clock.now += 900
    assert sessions.check_token(used) is None


def accounts_of(clock: Clock, **settings: Any) -> Accounts:
    users = (UserSpec("rep@org.example", password="right-one"),)
    return sessions_of(clock, OrgConfig(users=users, **settings)).accounts


def test_wrong_passwords_lock_a_user_out_for_a_while(clock: Clock) -> None:
    """Password policies of a new org (Salesforce Help): 10 attempts, 15 minutes."""
    accounts = accounts_of(clock)
    for _ in range(9):
        assert accounts.check("rep@org.example", "guess")[0] == "wrong"
    assert accounts.check("REP@org.example", "right-one")[0] == "right"  # and the count starts again
    for _ in range(10):
        accounts.check("rep@org.example", "guess")
    assert accounts.check("rep@org.example", "right-one") == ("wrong", "")
    clock.now += 900
    assert accounts.check("rep@org.example", "right-one")[0] == "right"


def test_a_new_password_ends_a_lockout(clock: Clock) -> None:
    accounts = accounts_of(clock, lockout_attempts=1)
    accounts.check("rep@org.example", "guess")
    user = accounts.find("rep@org.example")
    assert user is not None
    assert accounts.is_locked(str(user["Id"]))
    accounts.set_password(str(user["Id"]), "another-one")
    assert accounts.check("rep@org.example", "another-one") == ("right", user["Id"])


def test_who_has_no_password_cannot_log_in(clock: Clock) -> None:
    accounts = accounts_of(clock)
    add_user(accounts.org, UserSpec("none@org.example"))
    assert accounts.check("none@org.example", "")[0] == "wrong"


def test_a_code_expires(clock: Clock) -> None:
    sessions = sessions_of(clock, OrgConfig())
    code = sessions.new_code(sessions.authorize("005", ()), "https://app.example", None)
    clock.now += CODE_LIFETIME_SECONDS
    with pytest.raises(GrantError, match="expired authorization code"):
        sessions.redeem_code(code, "https://app.example", None)


def test_approvals_are_counted_by_user(clock: Clock) -> None:
    sessions = sessions_of(clock, OrgConfig(approvals_per_user=1))
    ada, bob = (sessions.issue_refresh(sessions.authorize(user, ("api",))) for user in ("ada", "bob"))
    assert sessions.find_refresh(ada)
    assert sessions.find_refresh(bob)
    sessions.issue_refresh(sessions.authorize("ada", ("api",)))
    assert sessions.find_refresh(ada) is None
    assert sessions.find_refresh(bob)


def test_blocking_the_app_spares_logins_without_it(clock: Clock) -> None:
    sessions = sessions_of(clock, OrgConfig())
    by_app, by_soap = sessions.issue("005"), sessions.issue("005", (), by_app=False)
    sessions.revoke_app()
    assert (sessions.check_token(by_app), sessions.check_token(by_soap)) == (None, "005")


def test_an_unlimited_session_is_introspected_with_the_timeout_of_a_new_org(clock: Clock) -> None:
    sessions = sessions_of(clock, OrgConfig())
    known = introspection(sessions.org, sessions, sessions.issue("005"), "https://org.example")
    assert (known["iat"], known["exp"]) == (START, START + 7200)


def test_a_login_in_the_browser_takes_no_longer_than_its_lifetime(clock: Clock) -> None:
    logins = PendingLogins(clock)
    ticket = logins.start("005", {}, verified=True)
    clock.now += LOGIN_LIFETIME_SECONDS
    assert logins.find(ticket) is None


@pytest.mark.parametrize(
    ("address", "suffix", "checked"),
    [
        ("trusted", "", "right"),
        ("trusted", "TOKEN", "right"),
        ("unknown", "", "security token needed"),
        ("unknown", "TOKEN", "right"),
        ("unknown", "another", "wrong"),
    ],
)
def test_the_security_token_depends_on_the_address(clock: Clock, address: str, suffix: str, checked: str) -> None:
    config = OrgConfig(security_token="TOKEN")
    sessions = sessions_of(clock, config)
    setattr(sessions.policy, "address", address)  # noqa: B010 - a parameter is not one of the literals for mypy
    needed = sessions.policy.security_token_needed
    outcome, _ = sessions.accounts.check(config.username, config.password + suffix, token_needed=needed)
    assert outcome == checked
