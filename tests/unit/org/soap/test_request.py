"""Reading SOAP envelopes, of clients and of everybody else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.org.soap.request import MalformedEnvelopeError, parse_call

# As simple-salesforce and jsforce write them; white space and prefixes differ.
LOGINS = [
    b"""<?xml version="1.0" encoding="utf-8" ?>
<env:Envelope xmlns:env="http://schemas.xmlsoap.org/soap/envelope/" xmlns:urn="urn:partner.soap.sforce.com">
  <env:Header><urn:CallOptions><urn:client>x</urn:client></urn:CallOptions>
    <urn:LoginScopeHeader><urn:organizationId>00D1</urn:organizationId></urn:LoginScopeHeader></env:Header>
  <env:Body><n1:login xmlns:n1="urn:partner.soap.sforce.com">
    <n1:username>a&amp;b@c.example</n1:username><n1:password>p&lt;w</n1:password>
  </n1:login></env:Body></env:Envelope>""",
    b"""<se:Envelope xmlns:se="http://schemas.xmlsoap.org/soap/envelope/"><se:Header><LoginScopeHeader>\
<organizationId>00D1</organizationId></LoginScopeHeader></se:Header><se:Body>\
<login xmlns="urn:partner.soap.sforce.com"><username>a&amp;b@c.example</username>\
<password><![CDATA[p<w]]></password></login></se:Body></se:Envelope>""",
]
BOMB = b"""<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;&x;">]>
<a:Envelope xmlns:a="http://schemas.xmlsoap.org/soap/envelope/"><a:Body><b><c>&y;</c></b></a:Body></a:Envelope>"""


@pytest.mark.parametrize("body", LOGINS)
def test_a_login(body: bytes) -> None:
    call = parse_call(body)
    assert (call.operation, call.namespace) == ("login", "urn:partner.soap.sforce.com")
    assert call.values == {"username": "a&b@c.example", "password": "p<w"}
    assert call.headers["organizationId"] == "00D1"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not well-formed"),
        (b"<a><b></a>", "not a SOAP envelope"),
        (b'<?xml version="1.0" encoding="klingon"?><a/>', "not well-formed"),
        (b"<Envelope/>", "not a SOAP envelope"),
        (b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body/></e:Envelope>', "No operation"),
        (BOMB, "DOCTYPE is not allowed"),
    ],
)
def test_what_is_no_call(body: bytes, reason: str) -> None:
    with pytest.raises(MalformedEnvelopeError, match=reason):
        parse_call(body)


@given(st.binary() | st.text("<>/&;:!?[]ae \"='").map(str.encode))
def test_any_body_is_a_call_or_malformed(body: bytes) -> None:
    with pytest.raises(MalformedEnvelopeError):
        parse_call(body)
