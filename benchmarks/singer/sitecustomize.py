"""Loaded into the tap's interpreter: it only knows `login.salesforce.com`, which is mapped to `SINGER_FRONT` here."""

from __future__ import annotations

import os
from typing import Any

from requests import Session

_request = Session.request


def _mapped(self: Session, method: str, url: str, *arguments: Any, **options: Any) -> Any:
    return _request(
        self, method, url.replace("https://login.salesforce.com", os.environ["SINGER_FRONT"]), *arguments, **options
    )


Session.request = _mapped  # type: ignore[method-assign,assignment]
