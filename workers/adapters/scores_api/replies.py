"""What all parts of the API answer alike."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

RETRY_AFTER = {"Retry-After": "5"}


def refusal(status: int, reason: str, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.json_response({"error": reason}, status=status, headers=headers)
