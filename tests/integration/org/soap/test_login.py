"""SOAP login as documented in salesforce-shapes.md 7.3, and what its session is good for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from xml.sax.saxutils import escape

import aiohttp
import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.server import RunningOrg, serve

_ENVELOPE = (
    '<?xml version="1.0" encoding="utf-8" ?><e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/">'
    '<e:Header>{header}</e:Header><e:Body><n1:{operation} xmlns:n1="urn:partner.soap.sforce.com">{body}'
    "</n1:{operation}></e:Body></e:Envelope>"
)


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def org() -> AsyncIterator[RunningOrg]:
    async with await serve(OrgConfig(username="r&d@org.example", password="pass&<word")) as running:
        yield running


def login(username: str, password: str) -> str:
    body = f"<n1:username>{escape(username)}</n1:username><n1:password>{escape(password)}</n1:password>"
    return _ENVELOPE.format(header="", operation="login", body=body)


async def post(http: aiohttp.ClientSession, org: RunningOrg, body: str, path: str = "u/62.0") -> tuple[int, str]:
    headers = {"Content-Type": "text/xml", "SOAPAction": "login"}
    reply = await http.post(f"{org.base_url}/services/Soap/{path}", data=body.encode(), headers=headers)
    assert reply.content_type == "text/xml"
    return reply.status, await reply.text()


async def session_of(http: aiohttp.ClientSession, org: RunningOrg, path: str = "u/62.0") -> str:
    config = org.org.config
    status, xml = await post(http, org, login(config.username, config.password + config.security_token), path)
    assert status == 200, xml
    return between(xml, "<sessionId>", "</sessionId>")


def between(text: str, start: str, end: str) -> str:
    return text.split(start)[1].split(end)[0]


async def test_the_reply_is_the_captured_one(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    config, owner, user = org.org.config, org.org.organization_id, org.org.admin_user_id
    status, xml = await post(http, org, login(config.username, config.password), "u/37.0")
    assert status == 200
    session_id = between(xml, "<sessionId>", "</sessionId>")
    soap = f"{org.base_url}/services/Soap"
    head, _, rest = xml.partition("<userInfo>")
    assert head == (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns="urn:partner.soap.sforce.com" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"<soapenv:Body><loginResponse><result><metadataServerUrl>{soap}/m/37.0/{owner[:15]}</metadataServerUrl>"
        "<passwordExpired>false</passwordExpired><sandbox>false</sandbox>"
        f"<serverUrl>{soap}/u/37.0/{owner[:15]}</serverUrl><sessionId>{session_id}</sessionId>"
        f"<userId>{user}</userId>"
    )
    assert rest.endswith("</userInfo></result></loginResponse></soapenv:Body></soapenv:Envelope>")
    info = rest.partition("</userInfo>")[0]
    names = [part.split(">")[0].split(" ")[0].rstrip("/") for part in info.split("<")[1:] if not part.startswith("/")]
    assert names == [
        *("accessibilityMode", "currencySymbol", "orgAttachmentFileSizeLimit", "orgDefaultCurrencyIsoCode"),
        *("orgDisallowHtmlAttachments", "orgHasPersonAccounts", "organizationId", "organizationMultiCurrency"),
        *("organizationName", "profileId", "roleId", "sessionSecondsValid", "userDefaultCurrencyIsoCode"),
        *("userEmail", "userFullName", "userId", "userLanguage", "userLocale", "userName", "userTimeZone"),
        *("userType", "userUiSkin"),
    ]
    assert '<userDefaultCurrencyIsoCode xsi:nil="true"/>' in info
    assert "<userName>r&amp;d@org.example</userName>" in info
    assert "<orgAttachmentFileSizeLimit>5242880</orgAttachmentFileSizeLimit>" in info
    assert "<sessionSecondsValid>14400</sessionSecondsValid>" in info


async def test_the_fault_is_the_captured_one(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    status, xml = await post(http, org, login(org.org.config.username, "wrong"))
    message = "Invalid username, password, security token; or user locked out."
    assert status == 500
    assert xml.endswith(
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:sf="urn:fault.partner.soap.sforce.com">'
        "<soapenv:Body><soapenv:Fault><faultcode>sf:INVALID_LOGIN</faultcode>"
        f"<faultstring>INVALID_LOGIN: {message}</faultstring>"
        '<detail><sf:LoginFault xsi:type="sf:LoginFault"><sf:exceptionCode>INVALID_LOGIN</sf:exceptionCode>'
        f"<sf:exceptionMessage>{message}</sf:exceptionMessage></sf:LoginFault></detail></soapenv:Fault>"
        "</soapenv:Body></soapenv:Envelope>"
    )


@pytest.mark.parametrize("path", ["u/62.0", "u/62.0/", "c/62.0", "c/62.0/00D000000000001"])
async def test_a_session_id_is_an_access_token(http: aiohttp.ClientSession, org: RunningOrg, path: str) -> None:
    session_id = await session_of(http, org, path)
    for scheme in ("Bearer", "OAuth"):
        headers = {"Authorization": f"{scheme} {session_id}"}
        assert (await http.get(f"{org.base_url}/services/data/v62.0/limits", headers=headers)).status == 200


async def test_the_enterprise_api_has_names_of_its_own(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    config = org.org.config
    _, xml = await post(http, org, login(config.username, config.password), "c/62.0")
    assert 'xmlns="urn:enterprise.soap.sforce.com"' in xml
    assert f"<serverUrl>{org.base_url}/services/Soap/c/62.0/" in xml
    _, xml = await post(http, org, login(config.username, ""), "c/62.0")
    assert 'xmlns:sf="urn:fault.enterprise.soap.sforce.com"' in xml


async def test_logout_ends_the_session(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    session_id = await session_of(http, org)
    header = f'<n1:SessionHeader xmlns:n1="x"><n1:sessionId>{session_id}</n1:sessionId></n1:SessionHeader>'
    logout = _ENVELOPE.format(header=header, operation="logout", body="")
    assert (await post(http, org, logout))[0] == 200
    assert org.tokens.check_token(session_id) is None
    status, xml = await post(http, org, logout)
    assert (status, "<faultcode>sf:INVALID_SESSION_ID</faultcode>" in xml) == (500, True)
    assert '<sf:UnexpectedErrorFault xsi:type="sf:UnexpectedErrorFault">' in xml


@pytest.mark.parametrize(
    ("changes", "path", "code"),
    [
        ({}, "u/65.0", "INVALID_OPERATION"),
        ({"newest_soap_login_version": "66.0"}, "u/65.0", None),
        ({"soap_login_enabled": False}, "u/62.0", "INVALID_OPERATION"),
        ({}, "u/20.0", "UNSUPPORTED_API_VERSION"),
        ({}, "u/v62.0", "UNSUPPORTED_API_VERSION"),
        ({}, "u/nan", "UNSUPPORTED_API_VERSION"),
        ({"address_access": "unknown"}, "u/62.0", "LOGIN_MUST_USE_SECURITY_TOKEN"),
        ({"address_access": "restricted", "security_token": "t"}, "u/62.0", "LOGIN_MUST_USE_SECURITY_TOKEN"),
        ({"app_access": "blocked"}, "u/62.0", None),
    ],
)
async def test_who_may_log_in(
    http: aiohttp.ClientSession, changes: dict[str, object], path: str, code: str | None
) -> None:
    """salesforce.md 3: SOAP login() is absent from API 65.0 on. No app is involved, so none can be blocked."""
    config = OrgConfig()
    for name, value in changes.items():
        object.__setattr__(config, name, value)
    async with await serve(config) as org:
        status, xml = await post(http, org, login(config.username, config.password), path)
    assert (f"<faultcode>sf:{code}</faultcode>" in xml) == (status == 500) == (code is not None)


async def test_a_restricted_address_has_a_code_of_its_own(http: aiohttp.ClientSession) -> None:
    async with await serve(OrgConfig(address_access="restricted")) as org:
        config = org.org.config
        _, xml = await post(http, org, login(config.username, config.password + config.security_token))
    assert "<faultcode>sf:LOGIN_DURING_RESTRICTED_DOMAIN</faultcode>" in xml


@pytest.mark.parametrize(
    ("organization", "status"), [("15 characters", 200), ("18 characters", 200), ("00D000000000000EAA", 500)]
)
async def test_the_login_scope_names_the_organization(
    http: aiohttp.ClientSession, org: RunningOrg, organization: str, status: int
) -> None:
    if organization.endswith("characters"):
        organization = org.org.organization_id[: int(organization[:2])]
    config = org.org.config
    scope = f"<LoginScopeHeader><organizationId>{organization}</organizationId></LoginScopeHeader>"
    body = login(config.username, config.password).replace("<e:Header>", f"<e:Header>{scope}")
    assert (await post(http, org, body))[0] == status


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("not xml", "not well-formed"),
        (_ENVELOPE.format(header="", operation="conquer", body=""), "No operation available for request {urn:partner"),
    ],
)
async def test_what_soap_itself_refuses(http: aiohttp.ClientSession, org: RunningOrg, body: str, message: str) -> None:
    status, xml = await post(http, org, body)
    assert (status, "<faultcode>soapenv:Client</faultcode>" in xml, message in xml) == (500, True, True)
