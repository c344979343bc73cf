"""Nothing that looks like a secret reaches the log, on whatever way."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
import structlog

from workers.runtime.logs import configure_logs, redacted

ACCESS = "00D5e000001AbCdEAF!AQ4AQFTHISISASECRETabc.DEF_123"
REFRESH = "5Aep861TSESvWeug_xvFHRBTTbf_YrTWgEyjBJrLFm1wb.secret"
SECRETS = {
    "access token": (f"session {ACCESS} expired", ACCESS),
    "15-character org": ("00D5e000001AbCd!AQ4AQFTH.IS", "AQ4AQFTH"),
    "refresh token": (f"got {REFRESH}", REFRESH),
    "header": ("Authorization: Bearer abcdefghijklmnop.qrst", "abcdefghijklmnop"),
    "old header": ("authorization: OAuth abcdefghijklmnop.qrst", "abcdefghijklmnop"),
    "form": ("grant_type=x&client_secret=F00DBABE&format=json", "F00DBABE"),
    "json": ('{"refresh_token": "F00DBABE", "x": 1}', "F00DBABE"),
    "escaped json": ('{"body": "{\\"password\\": \\"F00DBABE\\"}"}', "F00DBABE"),
    "repr": ("{'code_verifier': 'F00DBABE'}", "F00DBABE"),
    "callback": ("GET /oauth/callback?code=F00DBABE&state=1", "F00DBABE"),
    "setting": ("TOKEN_ENCRYPTION_KEYS=F00DBABE", "F00DBABE"),
    "mongodb": ("mongodb://ada:F00D%40BABE@db.example:27017/?replicaSet=rs0", "F00D"),
}


@pytest.mark.parametrize(("text", "secret"), SECRETS.values(), ids=SECRETS)
def test_a_secret_is_cut_out_of_a_text(text: str, secret: str) -> None:
    assert secret not in redacted(text)
    assert "[redacted]" in redacted(text)


@pytest.mark.parametrize(
    "text",
    [
        "Kafka does not answer at 127.0.0.1:9092: check KAFKA_BOOTSTRAP_SERVERS",
        "org 00D5e000001AbCdEAF, record 0035e00000AbCdEAAV",
        "mongodb://db.example:27017/?replicaSet=rs0",
        "HTTP 400, error code: INVALID_FIELD",
        "the oauth flow is not enabled",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redacted(text) == text


def test_what_stands_around_a_secret_stays() -> None:
    assert redacted("a=1&client_secret=F00DBABE&b=2") == "a=1&client_secret=[redacted]&b=2"
    assert redacted('{"access_token": "x", "b": 2}') == '{"access_token": "[redacted]", "b": 2}'


def logged(capsys: pytest.CaptureFixture[str]) -> tuple[str, dict[str, Any]]:
    """The only line, which must be JSON."""
    (line,) = capsys.readouterr().err.splitlines()
    event: dict[str, Any] = json.loads(line)
    return line, event


def failing() -> Exception:
    def use() -> None:
        raise ValueError(f"cannot use {ACCESS}")

    with pytest.raises(ValueError) as raised:
        use()
    return raised.value


@pytest.mark.parametrize(("text", "secret"), SECRETS.values(), ids=SECRETS)
def test_no_secret_is_logged_at_any_depth(text: str, secret: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info")
    structlog.get_logger("capture").warning(text, reason=text, deep={"list": [text]}, error=ValueError(text))
    line, event = logged(capsys)
    assert secret not in line
    assert event["level"] == "warning"
    assert event["logger"] == "capture"


def test_no_secret_of_a_named_field_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info")
    structlog.get_logger().info("login", password="F00DBABE", deep={"client_secret": "F00DBABE"})
    line, event = logged(capsys)
    assert "F00DBABE" not in line
    assert event["event"] == "login"


def test_a_stack_trace_is_kept_without_its_secret(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info")
    structlog.get_logger().error("failed", exc_info=failing())
    line, event = logged(capsys)
    assert ACCESS not in line
    assert "ValueError: cannot use [redacted]" in event["exception"]


def test_logs_of_libraries_are_cut_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info")
    logging.getLogger("aiohttp").error("token %s refused", ACCESS, exc_info=failing())
    line, event = logged(capsys)
    assert ACCESS not in line
    assert event["event"] == "token [redacted] refused"
    assert "Traceback" in event["exception"]


def test_the_level_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info")
    structlog.get_logger().debug("detail")
    logging.getLogger("x").debug("detail")
    structlog.get_logger().info("größer", team="acme")
    line, event = logged(capsys)
    assert "größer" in line
    assert event["team"] == "acme"
