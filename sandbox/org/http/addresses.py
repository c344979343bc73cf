"""Where an org is found: at a host of its own, or below a path of a host that it shares with others."""

from __future__ import annotations

from aiohttp import web

#: The path below which the org that a request is for is found, without a slash at its end.
BASE_PATH = web.RequestKey("base_path", str)


def base_path(request: web.BaseRequest) -> str:
    path: str = request.get(BASE_PATH, "")
    return path


def base_url(request: web.BaseRequest) -> str:
    """The org's address as the caller wrote it: its login and instance URL."""
    return f"{request.scheme}://{request.host}{base_path(request)}"
