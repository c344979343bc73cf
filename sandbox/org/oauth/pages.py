"""The HTML pages of a login."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, Template

# A simulated org must not be cached any more than a real one.
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_COMMON = {"org_name": "Simulated Salesforce", "app_name": "Segment Sync"}


def page(template: str, status: int = 200, **values: object) -> web.Response:
    html = _template(template).render(**_COMMON, **values)
    return web.Response(text=html, status=status, content_type="text/html", headers=NO_STORE)


def error_page(error: str, description: str) -> web.Response:
    return page("oauth_error.html", 400, error=error, description=description)


@lru_cache
def _template(name: str) -> Template:
    loader = FileSystemLoader(Path(__file__).with_name("templates"))
    return Environment(loader=loader, autoescape=True).get_template(name)
