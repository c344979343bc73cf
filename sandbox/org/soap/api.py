"""The partner and enterprise SOAP APIs: logins, for clients that have no OAuth app, and what old clients call."""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.sax.saxutils import escape

from aiohttp import web

from sandbox.org.http.addresses import base_url
from sandbox.org.logins.sessions import Sessions
from sandbox.org.rows.writes import Actor
from sandbox.org.soap.answers import SoapFaultError, element, elements
from sandbox.org.soap.calls import SoapCaller, SoapCursors, SoapRecords
from sandbox.org.soap.request import MalformedEnvelopeError, SoapCall, parse_call
from sandbox.org.store.org import Org

_APIS = {"u": "partner", "c": "enterprise"}
# Captured logins say four hours.
_SESSION_SECONDS = 14_400
_NAMESPACES = 'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
_XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
_INVALID_LOGIN = "Invalid username, password, security token; or user locked out."
_NEW_LOCATION = (
    " Are you at a new location? When accessing Salesforce--either via a desktop client or the API--from outside of "
    "your company's trusted networks, you must add a security token to your password to log in."
)
_REFUSED = {
    "wrong": ("INVALID_LOGIN", _INVALID_LOGIN),
    "security token needed": ("LOGIN_MUST_USE_SECURITY_TOKEN", _INVALID_LOGIN + _NEW_LOCATION),
}


def routes(org: Org, sessions: Sessions) -> list[web.RouteDef]:
    """`/services/Soap/u/<version>` and `/services/Soap/c/<version>`, with and without an organization behind it."""
    api = SoapApi(org, sessions, SoapCursors(org))
    base = "/services/Soap/{api:[uc]}/{version}"
    return [web.post(base, api.call), web.post(f"{base}/{{organization_id}}", api.call)]


@dataclass(frozen=True, slots=True)
class SoapApi:
    org: Org
    sessions: Sessions
    cursors: SoapCursors

    async def call(self, request: web.Request) -> web.Response:
        api = _APIS[request.match_info["api"]]
        try:
            call = parse_call(await request.read())
            return _reply(api, self._answer(call, request))
        except MalformedEnvelopeError as error:
            return _plain_fault("soapenv:Client", str(error))
        except SoapFaultError as fault:
            return _fault(api, call.operation, fault)

    def _answer(self, call: SoapCall, request: web.Request) -> str:
        if call.operation == "login":
            return self._login(call, request)
        if call.operation == "logout":
            return self._logout(call)
        if call.operation == "getUserInfo":
            return element("getUserInfoResponse", {"result": self._user_info(self._caller(call))})
        records = SoapRecords(self.org, self.cursors)
        if records.knows(call.operation):
            return records.answer(call, self._soap_caller(call, request))
        raise MalformedEnvelopeError(
            f"No operation available for request {{{call.namespace}}}{call.operation}, "
            "please check the WSDL for the service."
        )

    def _caller(self, call: SoapCall) -> str:
        """The user behind the session of the header."""
        user_id = self.sessions.check_token(call.headers.get("sessionId", ""))
        if user_id is None:
            raise SoapFaultError(
                "INVALID_SESSION_ID", "Invalid Session ID found in SessionHeader: Illegal Session. Session not found."
            )
        return user_id

    def _soap_caller(self, call: SoapCall, request: web.Request) -> SoapCaller:
        version = request.match_info["version"]
        actor = Actor(self._caller(call), "soap", call.headers.get("client"), version)
        return SoapCaller(actor, enterprise=request.match_info["api"] == "c")

    def _login(self, call: SoapCall, request: web.Request) -> str:
        version = request.match_info["version"]
        self._check_version(version)
        policy = self.sessions.policy
        organization_id = call.headers.get("organizationId")
        if organization_id is not None and organization_id[:15] != self.org.organization_id[:15]:
            raise SoapFaultError(*_REFUSED["wrong"])
        username, password = call.values.get("username", ""), call.values.get("password", "")
        outcome, user_id = self.sessions.accounts.check(username, password, token_needed=policy.security_token_needed)
        if outcome != "right":
            raise SoapFaultError(*_REFUSED[outcome])
        if policy.address == "restricted":
            raise SoapFaultError("LOGIN_DURING_RESTRICTED_DOMAIN", "cannot log in from current domain")
        session_id = self.sessions.issue(user_id, (), by_app=False)
        result = self._login_result(base_url(request), request.match_info["api"], version, session_id, user_id)
        return f"<loginResponse><result>{result}</result></loginResponse>"

    def _check_version(self, version: str) -> None:
        config = self.org.config
        try:
            known = float(config.oldest_api_version) <= float(version) <= float(config.newest_api_version)
        except ValueError:
            known = False
        if not known:
            raise SoapFaultError("UNSUPPORTED_API_VERSION", "Invalid Api version specified on URL")
        if not config.soap_login_enabled or float(version) > float(config.newest_soap_login_version):
            raise SoapFaultError("INVALID_OPERATION", "SOAP API login() is disabled by default in this org.")

    def _login_result(self, host: str, api: str, version: str, session_id: str, user_id: str) -> str:
        soap, organization = f"{host}/services/Soap", self.org.organization_id[:15]
        return (
            elements(
                {
                    "metadataServerUrl": f"{soap}/m/{version}/{organization}",
                    "passwordExpired": False,
                    "sandbox": False,
                    "serverUrl": f"{soap}/{api}/{version}/{organization}",
                    "sessionId": session_id,
                    "userId": user_id,
                }
            )
            + f"<userInfo>{elements(self._user_info(user_id))}</userInfo>"
        )

    def _user_info(self, user_id: str) -> dict[str, object]:
        """In the order of a captured reply; None is `xsi:nil`."""
        user = self.org.get("User", user_id) or {}
        organization = self.org.get("Organization", self.org.organization_id) or {}
        lifetime = self.org.config.access_token_lifetime_seconds
        return {
            "accessibilityMode": False,
            "currencySymbol": "$",
            "orgAttachmentFileSizeLimit": 5_242_880,
            "orgDefaultCurrencyIsoCode": "USD",
            "orgDisallowHtmlAttachments": False,
            "orgHasPersonAccounts": False,
            "organizationId": self.org.organization_id,
            "organizationMultiCurrency": False,
            "organizationName": organization.get("Name"),
            "profileId": user.get("ProfileId"),
            "roleId": user.get("UserRoleId"),
            "sessionSecondsValid": _SESSION_SECONDS if lifetime is None else int(lifetime),
            "userDefaultCurrencyIsoCode": None,
            "userEmail": user.get("Email"),
            "userFullName": user.get("Name"),
            "userId": user_id,
            "userLanguage": user.get("LanguageLocaleKey"),
            "userLocale": user.get("LocaleSidKey"),
            "userName": user.get("Username"),
            "userTimeZone": user.get("TimeZoneSidKey"),
            "userType": user.get("UserType"),
            "userUiSkin": "Theme3",
        }

    def _logout(self, call: SoapCall) -> str:
        if not self.sessions.revoke(call.headers.get("sessionId", "")):
            raise SoapFaultError(
                "INVALID_SESSION_ID", "Invalid Session ID found in SessionHeader: Illegal Session. Session not found."
            )
        return "<logoutResponse/>"


# Partner WSDL: the fault that has the exception code, those of queries with row and column.
_QUERY_FAULTS = frozenset({"InvalidFieldFault", "InvalidSObjectFault", "MalformedQueryFault", "MalformedSearchFault"})
_FAULTS = {
    "INVALID_FIELD": "InvalidFieldFault",
    "INVALID_TYPE": "InvalidSObjectFault",
    "MALFORMED_QUERY": "MalformedQueryFault",
    "MALFORMED_SEARCH": "MalformedSearchFault",
    "INVALID_QUERY_LOCATOR": "InvalidQueryLocatorFault",
    "MALFORMED_ID": "InvalidIdFault",
}
_PLACE = re.compile(r"ERROR at Row:(\d+):Column:(\d+)")


def _reply(api: str, body: str) -> web.Response:
    return _envelope(f'xmlns="urn:{api}.soap.sforce.com" {_XSI}', body, 200)


def _fault(api: str, operation: str, fault: SoapFaultError) -> web.Response:
    kind = "LoginFault" if operation == "login" else _FAULTS.get(fault.code, "UnexpectedErrorFault")
    code, message = escape(fault.code), escape(fault.message)
    # Faults of queries say where they are.
    found = _PLACE.search(fault.message) if kind in _QUERY_FAULTS else None
    place = f"<sf:row>{found[1]}</sf:row><sf:column>{found[2]}</sf:column>" if found else ""
    detail = (
        f'<sf:{kind} xsi:type="sf:{kind}"><sf:exceptionCode>{code}</sf:exceptionCode>'
        f"<sf:exceptionMessage>{message}</sf:exceptionMessage>{place}</sf:{kind}>"
    )
    body = (
        f"<soapenv:Fault><faultcode>sf:{code}</faultcode><faultstring>{code}: {message}</faultstring>"
        f"<detail>{detail}</detail></soapenv:Fault>"
    )
    return _envelope(f'{_XSI} xmlns:sf="urn:fault.{api}.soap.sforce.com"', body, 500)


def _plain_fault(code: str, message: str) -> web.Response:
    """What the SOAP layer itself refuses has no exception code."""
    body = f"<soapenv:Fault><faultcode>{code}</faultcode><faultstring>{escape(message)}</faultstring></soapenv:Fault>"
    return _envelope(_XSI, body, 500)


def _envelope(namespaces: str, body: str, status: int) -> web.Response:
    xml = (
        f'<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope {_NAMESPACES} {namespaces}>'
        f"<soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
    )
    return web.Response(text=xml, status=status, content_type="text/xml", charset="UTF-8")
