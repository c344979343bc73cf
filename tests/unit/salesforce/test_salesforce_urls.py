from __future__ import annotations

import pytest

from workers.adapters.salesforce.urls import checked_org_url
from workers.ports import Refused


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("https://login.salesforce.com", "https://login.salesforce.com"),
        ("https://ACME.my.salesforce.com/", "https://acme.my.salesforce.com"),
        ("https://acme--dev.sandbox.my.salesforce.com:443", "https://acme--dev.sandbox.my.salesforce.com"),
        ("https://acme.lightning.force.com", "https://acme.lightning.force.com"),
    ],
)
def test_salesforce_hosts(given: str, expected: str) -> None:
    assert checked_org_url(given) == expected


@pytest.mark.parametrize(
    "given",
    [
        "http://acme.my.salesforce.com",  # not encrypted
        "https://acme.my.salesforce.com.evil.example",
        "https://evilsalesforce.com",  # the suffix starts at a label
        "https://salesforce.com@evil.example",
        "https://user:secret@acme.my.salesforce.com",
        "https://acme.my.salesforce.com:8443",
        "https://acme.my.salesforce.com/path",
        "https://acme.my.salesforce.com?x=secret",
        "https://169.254.169.254",
        "https://10.0.0.1",
        "https://localhost.evil.example",
        "https://[bad",
        "ftp://acme.my.salesforce.com",
        "acme.my.salesforce.com",
        "",
    ],
)
@pytest.mark.parametrize("loopback", [True, False])
def test_everything_else_is_refused(given: str, loopback: bool) -> None:
    with pytest.raises(Refused) as refused:
        checked_org_url(given, allow_insecure_loopback=loopback)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("given", ["http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:5", "http://127.9.9.9"])
def test_loopback_only_when_it_is_allowed(given: str) -> None:
    assert checked_org_url(given + "/", allow_insecure_loopback=True) == given
    with pytest.raises(Refused, match="SALESFORCE_ALLOW_LOOPBACK"):
        checked_org_url(given)
