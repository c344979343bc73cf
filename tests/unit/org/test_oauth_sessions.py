"""How long tokens live, on a clock of the test's own."""

from __future__ import annotations

import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.grants import GrantError
from sandbox.org.introspection import introspection
from sandbox.org.logins import LOGIN_LIFETIME_SECONDS, PendingLogins, check_password
from sandbox.org.sessions import CODE_LIFETIME_SECONDS, Sessions
from sandbox.org.store import Org

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
    sessions = sessions_of(clock, OrgConfig(access_token_lifetime_seconds=900))
    access_token = sessions.issue("005")
    clock.now += 899
    assert sessions.check(f"Bearer {access_token}") == sessions.check(f"oauth {access_token}") == "005"
    clock.now += 1
    assert sessions.check(f"Bearer {access_token}") is None


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
    policy = sessions_of(clock, config).policy
    setattr(policy, "address", address)  # noqa: B010 - a parameter is not one of the literals for mypy
    assert check_password(config, policy, config.username, config.password + suffix) == checked
