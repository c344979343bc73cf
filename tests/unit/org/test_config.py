"""Settings of an org on the command line."""

from __future__ import annotations

import pytest

from sandbox.commands import show_settings, with_settings
from sandbox.org.config import OrgConfig
from sandbox.org.users.specs import UserSpec


def test_settings_have_the_type_of_their_field() -> None:
    given = ["api_version=63.0", "retention_seconds=60", "cookies_required=true", "daily_delivered_events=5"]
    config = with_settings(OrgConfig(), given)
    assert (config.api_version, config.retention_seconds) == ("63.0", 60.0)
    assert (config.cookies_required, config.daily_delivered_events) == (True, 5)


def test_every_setting_is_listed_with_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    show_settings()
    lines = capsys.readouterr().out.splitlines()
    shown = [line.replace("│", " ").split() for line in lines]
    for words in (["retention_seconds", "259200"], ["daily_delivered_events", "null"], ["cookies_required", "false"]):
        assert words in shown


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("nonsense=1", "no setting"),
        ("retention_seconds=soon", "float"),
        ("limit_advice=maybe", "handshake"),
        ("custom_channels=x", "CustomChannel"),
    ],
)
def test_settings_that_make_no_sense_end_the_command(
    setting: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        with_settings(OrgConfig(), [setting])
    assert reason in capsys.readouterr().err


def test_lists_are_given_as_json() -> None:
    users = '[{"username": "rep@x.example", "password": "secret-1", "permission_sets": ["Reader"]}]'
    config = with_settings(OrgConfig(), [f"users={users}", 'sharing=[["Lead", "private"]]'])
    assert config.users == (UserSpec("rep@x.example", password="secret-1", permission_sets=("Reader",)),)
    assert config.sharing == (("Lead", "private"),)
