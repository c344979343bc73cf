"""Structured logs on standard error, one JSON object a line; anything that looks like a secret is cut out."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

CUT = "[redacted]"

SECRET = re.compile(
    r"00D[A-Za-z0-9]{12,15}![\w.]+"  # access token
    r"|5Aep[\w.]+"  # refresh token
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"  # user:password in a URL
    r"|(?<=TOKEN_ENCRYPTION_KEYS=)[\w=,-]+"
)
NAMED_SECRET = re.compile(
    r"(?P<name>\b(?:bearer|oauth)\s+)[\w!.\-]{16,}"
    r"|(?P<key>(?:client_secret|refresh_token|access_token|security_token|password|code_verifier|[?&]code)"
    r"(?:\\*[\"'])?\s*[=:]\s*(?:\\*[\"'])?)[^\s\"'&,}\\]+",
    re.IGNORECASE,
)
"""The name stays, so that the log remains readable, as JSON too; quotes may be escaped in there."""


LIBRARIES = ("aiokafka", "aiocometd_ng", "aiosfstream_ng", "faust", "mode", "pymongo")
"""Their every step is news only to who debugs."""


def configure_logs(level: str) -> None:
    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.format_exc_info,
        redact,
    ]
    structlog.configure(
        processors=[*processors, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=processors,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
                redact_line,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.DEBUG if level == "debug" else logging.WARNING)


def redact(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = redacted(value)
    return event


def redact_line(_: Any, __: str, line: Any) -> str:
    """What stands deeper in an event than its own texts: lists, dictionaries, representations of objects."""
    return redacted(str(line))


def redacted(text: str) -> str:
    return NAMED_SECRET.sub(lambda found: (found["name"] or found["key"]) + CUT, SECRET.sub(CUT, text))
