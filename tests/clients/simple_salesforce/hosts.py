"""Where `login.salesforce.com` is, for a client that cannot be told another login host."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter

LOGIN_HOSTS = ("https://login.salesforce.com", "https://simulated.my.salesforce.com")


class _SameServer(HTTPAdapter):
    """Sends requests of one host to another, as a line in /etc/hosts would."""

    def __init__(self, base_url: str) -> None:
        super().__init__()
        self._base_url = base_url

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        request.url = f"{self._base_url}{request.path_url}"
        return super().send(request, *args, **options)


def session_to(base_url: str, certificate: Path) -> requests.Session:
    """A session that trusts the org's certificate and finds the login hosts at the org."""
    session = requests.Session()
    session.verify = str(certificate)
    # Proxies of the environment must not see a loopback address.
    session.trust_env = False
    for host in LOGIN_HOSTS:
        session.mount(host, _SameServer(base_url))
    return session
