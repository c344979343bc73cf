"""Which hosts may be sent a token: Salesforce's own, by suffix, over https.

An `instance_url` comes from a reply; unchecked, it could make the workers call any host inside the network.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit

from workers.ports import Refused

HOST_SUFFIXES = (".salesforce.com", ".force.com")
"""Covers `login.`, `test.`, `*.my.salesforce.com` and `*.sandbox.my.salesforce.com`."""

LOOPBACK_SETTING = "SALESFORCE_ALLOW_LOOPBACK"


def checked_org_url(url: str, *, allow_insecure_loopback: bool = False) -> str:
    """The URL as `scheme://host[:port]`. Raises `Refused` when it is not a Salesforce host over https.

    `allow_insecure_loopback` also admits plain http on this machine, for the simulated org.
    """
    parts = _split(url)
    host = (parts.hostname or "").lower()
    if _is_loopback(host):
        if not allow_insecure_loopback:
            raise Refused(f"{_shown(parts)} is on this machine: set {LOOPBACK_SETTING}=true to use a simulated org")
        return f"{parts.scheme}://{parts.netloc}"
    if parts.scheme != "https" or parts.port not in (None, 443) or not host.endswith(HOST_SUFFIXES):
        raise Refused(f"{_shown(parts)} is no Salesforce address: expected https and a host under *.salesforce.com")
    return f"https://{host}"


def host_of(url: str) -> str:
    """Host and port, for messages."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url.strip())
        _ = parts.port
    except ValueError:
        raise Refused("the address given for a Salesforce org is not a valid URL") from None
    bare = parts.path in ("", "/") and not parts.query and not parts.fragment
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or not bare:
        given = _shown(parts) if parts.hostname else "it names no host"
        raise Refused(f"not a valid URL for a Salesforce org: {given} (expected https://HOST and nothing more)")
    return parts


def _shown(parts: SplitResult) -> str:
    """Without user information, path and query: any of them may hold a secret."""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
