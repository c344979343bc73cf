"""Query parameters as numbers; what cannot be one counts as absent, as in Salesforce."""

from __future__ import annotations

import re

from aiohttp import web

# Nine digits are more than any offset or page size here, and keep int() cheap.
_WHOLE_NUMBER = re.compile(r"[0-9]{1,9}")


def whole_number(request: web.Request, name: str, default: int) -> int:
    """The parameter as a number that is not negative, or `default`."""
    text = request.query.get(name, "")
    return int(text) if _WHOLE_NUMBER.fullmatch(text) else default
