"""Requests that are right in parts: real paths, names and shapes with something wrong in most of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

import orjson

METHODS = ("GET", "GET", "GET", "POST", "POST", "PATCH", "PUT", "DELETE", "HEAD", "OPTIONS", "LOCK")
OBJECTS = ("Contact", "contact", "Account", "Lead", "Opportunity", "User", "Group", "Campaign", "CampaignMember",
           "Organization", "ListView", "ContactChangeEvent", "Unicorn__c", "", "%00", "..", "sObject",
           "%C3%A9")  # fmt: skip
FIELDS = ("Id", "id", "LastName", "Email", "AccountId", "OwnerId", "Account", "MailingAddress", "MailingStreet",
          "Birthdate", "IsDeleted", "Engagement_Score__c", "Description", "DoNotCall", "Name", "attributes",
          "ReportsToId", "Company", "Status", "CreatedDate", "RecordTypeId", "Nope", "", "a.b", "\x00",
          "🙂")  # fmt: skip
SCALARS: tuple[object, ...] = (None, True, False, 0, -1, 2**53, 10**19, 1e308, 1.5, "", " ", "x", "null", "#N/A",
    "003", "0" * 18, "a@b.example", "2026-02-30", "2026-01-01", "0001-01-01T00:00:00+14:00", "x" * 300, "\x00",
    "\ud83d\ude42", "<script>", "'; DROP", "@{ref}", "@{a.id}", "@{a[0].id}", "NaN", "-0", "٣", "\u202e")  # fmt: skip
QUERIES = (
    "SELECT Id, Name FROM Contact", "SELECT FIELDS(ALL) FROM Contact LIMIT 5", "SELECT COUNT() FROM Lead",
    "SELECT Id, (SELECT Id FROM Contacts) FROM Account LIMIT 3", "SELECT Owner.Name FROM Contact",
    "SELECT Id FROM Contact WHERE Id IN (SELECT ContactId FROM CampaignMember)", "SELECT", "",
    "SELECT Id FROM Contact USING SCOPE mine ORDER BY Name NULLS LAST OFFSET 1",
    "SELECT StageName, COUNT(Id) c FROM Opportunity GROUP BY StageName HAVING COUNT(Id) > 0",
    "SELECT Id FROM Contact WHERE LastName LIKE '%\\'' AND CreatedDate = LAST_N_DAYS:3",
    "SELECT TYPEOF Owner WHEN User THEN Id END FROM Lead", "SELECT FORMAT(CreatedDate) FROM Contact",
)  # fmt: skip
HEADERS = (
    ("Sforce-Call-Options", ("client=x", "client=", ";;=", "client=" + "y" * 500, "defaultNamespace=a, client=b")),
    ("Sforce-Query-Options", ("batchSize=1", "batchSize=-5", "batchSize=999999999999", "batchSize")),
    ("If-Modified-Since", ("yesterday", "Wed, 6 May 2026 09:49:20 GMT", "Thu, 99 Foo 0000 99:99:99 GMT")),
    ("If-Match", ('"x"', "*", ",,", '"--gzip"')),
    ("If-None-Match", ('"x"', "*", "W/")),
    ("Content-Type", ("text/csv", "application/json", "multipart/form-data", "multipart/form-data; boundary=x", "é",
                      "application/xml", "text/plain; charset=nope", "application/x-www-form-urlencoded")),
    ("Accept", ("application/xml", "*/*;q=x", "")),
    ("Accept-Encoding", ("gzip", "br;q=0", "identity")),
    ("Authorization", ("Bearer", "Bearer x y", "OAuth é", "Basic !!!!", "Basic Og==", "")),
    ("Sforce-Locator", ("x",)),
    ("SOAPAction", ('""', "login")),
    ("Cookie", ("BAYEUX_BROWSER=x", "=;=;")),
    ("Range", ("bytes=0-1", "records=0-5")),
    ("X-PrettyPrint", ("1", "no")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Attempt:
    method: str
    target: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None


class Mischief:
    """One stream of attempts, the same for the same seed; `ids` are of records and jobs that are there."""

    def __init__(self, seed: int, ids: Sequence[str], oauth: dict[str, str]) -> None:
        self._rng = random.Random(seed)
        self._ids = ids
        self._oauth = oauth
        self._resources: tuple[Callable[[], str], ...] = (
            lambda: "", lambda: "/sobjects", lambda: "/limits", lambda: "/limits/recordCount", lambda: "/composite",
            lambda: "/composite/batch", lambda: "/composite/graph", lambda: "/composite/sobjects",
            lambda: f"/composite/sobjects/{self._object()}", lambda: f"/composite/tree/{self._object()}",
            lambda: f"/composite/sobjects/{self._object()}/{self._field()}",
            lambda: f"/sobjects/{self._object()}", lambda: f"/sobjects/{self._object()}/describe",
            lambda: f"/sobjects/{self._object()}/{self._id()}", lambda: f"/sobjects/{self._object()}/{self._id()}",
            lambda: f"/sobjects/{self._object()}/{self._id()}/{self._field()}",
            lambda: f"/sobjects/{self._object()}/{self._field()}/{self._text()}",
            lambda: f"/sobjects/{self._object()}/listviews{self._below('recent', self._id())}",
            lambda: f"/sobjects/{self._object()}/listviews/{self._id()}{self._below('describe', 'results')}",
            lambda: f"/sobjects/{self._object()}{self._below('eventSchema', 'updated', 'deleted')}",
            lambda: "/query", lambda: "/queryAll", lambda: f"/query/{self._id()}-{self._text()}",
            lambda: "/search", lambda: "/parameterizedSearch", lambda: "/recent",
            lambda: f"/jobs/{self._pick('ingest', 'query')}",
            lambda: f"/jobs/{self._pick('ingest', 'query')}/{self._id()}",
            lambda: f"/jobs/ingest/{self._id()}/{self._pick('batches', 'successfulResults', 'failedResults', 'x')}",
            lambda: f"/jobs/query/{self._id()}/results", lambda: f"/jobs/query/{self._id()}/resultPages",
            lambda: f"/event/eventSchema/{self._id()}", lambda: "/tooling/query",
            lambda: f"/tooling/sobjects/{self._pick('CustomField', 'PlatformEventChannel', 'Nope')}",
        )  # fmt: skip

    def attempt(self) -> Attempt:
        kind = self._rng.random()
        if kind < 0.72:
            return self._rest()
        if kind < 0.84:
            return self._cometd()
        return self._login()

    def _rest(self) -> Attempt:
        version = self._pick("v62.0", "v62.0", "v62.0", "v66.0", "v31.0", "v99.0", "v62", "vx", "62.0")
        path = f"/services/data/{version}{self._rng.choice(self._resources)()}{self._pick('', '', '/', '//')}"
        parameters = "&".join(f"{name}={self._text()}" for name in self._some(
            ("fields", "ids", "limit", "offset", "maxRecords", "locator", "payloadFormat", "sObjects", "allOrNone",
             "updateOnly", "explain", "jobType", "queryLocator", "start", "end", "columns", "_HttpMethod"),
             3))  # fmt: skip
        query = f"q={quote(self._soql())}&" if self._rng.random() < 0.5 else ""
        return Attempt(self._rng.choice(METHODS), f"{path}?{query}{parameters}", self._headers(), self._body())

    def _cometd(self) -> Attempt:
        version = self._pick("62.0", "66.0", "62.0/connect", "62.0/", "1.0", "x", "")
        messages: object = [self._message() for _ in range(self._rng.randint(0, 3))]
        if self._rng.random() < 0.15:
            messages = self._value(0)
        return Attempt("POST", f"/cometd/{version}", self._headers(0.1), self._spoiled(_json(messages)))

    def _message(self) -> object:
        channel = self._pick("handshake", "connect", "subscribe", "unsubscribe", "disconnect", "nope")
        message: dict[str, object] = {"channel": f"/meta/{channel}", "id": "1", "version": "1.0"}
        if channel != "handshake":
            message["clientId"] = self._pick("x", *self._ids)
        message["subscription"] = self._rng.choice(
            ["/data/ContactChangeEvent", "/data/ChangeEvents", ["/data/ChangeEvents", 3], "", 7, None, "/data/Nope"]
        )
        replay: object = self._rng.choice([-1, -2, 5, "x", None, 1.5, {}, [], 2**70])
        message["ext"] = self._rng.choice(
            [{"replay": {"/data/ChangeEvents": replay, "/data/ContactChangeEvent": replay}}, {"replay": replay}, replay]
        )
        message["advice"] = self._rng.choice([{"timeout": 0}, {"timeout": "x"}, {"timeout": -5}, {"timeout": 1}, 3])
        if self._rng.random() < 0.3:
            message[self._pick("channel", "clientId", "advice", "id", "connectionType")] = self._value(0)
        message.setdefault("connectionType", "long-polling")
        # A connect must not wait for news here.
        return message | {"advice": {"timeout": 0}} if channel == "connect" else message

    def _login(self) -> Attempt:
        path = self._pick(
            "/services/oauth2/token", "/services/oauth2/authorize", "/services/oauth2/introspect",
            "/services/oauth2/userinfo", "/services/oauth2/revoke", "/services/Soap/u/62.0", "/services/Soap/c/62.0/x",
            "/id/x/y", "/id/keys", "/.well-known/openid-configuration", "/", "/setup/secur/RemoteAccess", "/nope",
        )  # fmt: skip
        if "/Soap/" in path:
            headers = self._headers(0.1) | {"Content-Type": "text/xml"}
            return Attempt("POST", path, headers, self._spoiled(self._envelope()))
        known = {**self._oauth, "grant_type": self._grant(), "assertion": "a.b.c", "code": "x", "refresh_token": "y",
                 "token": "z", "response_type": "code", "redirect_uri": "http://localhost/cb", "format": "xml",
                 "code_verifier": "v", "code_challenge": "c", "state": "s", "username": "u", "pw": "p"}  # fmt: skip
        form = {name: self._text() if self._rng.random() < 0.2 else quote(value) for name, value in known.items()}
        text = "&".join(f"{name}={form[name]}" for name in self._some(tuple(form), 10))
        method = self._pick("POST", "POST", "GET", "PUT")
        headers = self._headers(0.1) | {"Content-Type": "application/x-www-form-urlencoded"}
        return Attempt(method, f"{path}?{text}" if method == "GET" else path, headers, self._spoiled(text.encode()))

    def _grant(self) -> str:
        return self._pick("password", "refresh_token", "authorization_code", "client_credentials", "x",
                          "urn:ietf:params:oauth:grant-type:jwt-bearer")  # fmt: skip

    def _envelope(self) -> bytes:
        text = self._pick("&lt;", "&#0;", "&x;", "x" * 50, "<a/>", "]]>")
        call = self._pick("login", "query", "create", "logout", "merge", "nope", "getUserInfo", "describeSObjects")
        return (
            '<?xml version="1.0"?><e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Header>'
            f"<SessionHeader><sessionId>{text}</sessionId></SessionHeader></e:Header><e:Body>"
            f'<u:{call} xmlns:u="urn:partner.soap.sforce.com"><u:username>{text}</u:username><u:password>{text}'
            f"</u:password><u:queryString>{text}</u:queryString></u:{call}></e:Body></e:Envelope>"
        ).encode()

    def _body(self) -> bytes | None:
        kind = self._rng.random()
        if kind < 0.15:
            return None
        if kind < 0.3:
            return self._spoiled(b'LastName,Email\nA,a@b.example\n"B\n",\n,,,\n')
        return self._spoiled(_json(self._document()))

    def _document(self) -> object:
        record: dict[str, object] = {"attributes": {"type": self._object(), "referenceId": "r"}, "LastName": "Fuzz"}
        record |= {self._field(): self._value(1) for _ in range(self._rng.randint(0, 3))}
        part: dict[str, object] = {"method": self._rng.choice(METHODS),
                                   "url": f"/services/data/v62.0{self._rng.choice(self._resources)()}",
                                   "referenceId": "a", "body": record, "richInput": record}  # fmt: skip
        part |= {self._pick("method", "url", "referenceId", "body", "httpHeaders"): self._value(1)}
        job = {"object": self._object(), "operation": self._pick("insert", "upsert", "delete", "query", "hardDelete"),
               "query": self._soql(), "externalIdFieldName": self._field(), "lineEnding": self._pick("LF", "CR"),
               "columnDelimiter": self._pick("COMMA", "TAB", "X"), "state": self._pick("UploadComplete", "Aborted"),
               self._field(): self._value(1)}  # fmt: skip
        records = {"records": [record, self._value(1)] if self._rng.random() < 0.3 else [record, record],
                   "allOrNone": self._rng.choice(SCALARS), "ids": [self._id()], "fields": [self._field()]}  # fmt: skip
        parts = {"compositeRequest": [part, part], "batchRequests": [part | {"url": str(part["url"])[15:]}],
                 "allOrNone": True, "haltOnError": self._rng.choice(SCALARS)}  # fmt: skip
        graphs = {"graphs": [{"graphId": self._value(2), "compositeRequest": [part]}, self._value(1)]}
        return self._rng.choice([record, record, job, job, records, parts, parts, graphs, self._value(0)])

    def _value(self, depth: int) -> object:
        kind = self._rng.random()
        if depth < 4 and kind < 0.2:
            return {self._field(): self._value(depth + 1) for _ in range(2)}
        if depth < 4 and kind < 0.35:
            return [self._value(depth + 1) for _ in range(2)]
        return self._rng.choice([*SCALARS, *self._ids])

    def _spoiled(self, body: bytes) -> bytes:
        """Most bodies stay whole; the others lose a piece or get a byte that is no text."""
        kind, place = self._rng.random(), self._rng.randrange(len(body) + 1)
        if kind < 0.7:
            return body
        if kind < 0.8:
            return body[:place]
        junk = self._rng.choice([b"\xff", b"\x00", b'"', b"}", b"\xef\xbb\xbf", b"\r", b"9" * 400, b"[" * 2_000])
        return body[:place] + junk + body[place:]

    def _soql(self) -> str:
        text = self._rng.choice(QUERIES)
        if text and self._rng.random() < 0.4:
            place = self._rng.randrange(len(text))
            text = text[:place] + self._pick("'", "(", "\0", ":x", " FROM ", "🙂", "\\") + text[place:]
        return text

    def _headers(self, share: float = 0.3) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        for name, values in HEADERS:
            if self._rng.random() < share / 3:
                headers[name] = self._rng.choice(values)
        return headers

    def _object(self) -> str:
        return self._rng.choice(OBJECTS)

    def _field(self) -> str:
        return quote(self._rng.choice(FIELDS)) if self._rng.random() < 0.5 else self._rng.choice(FIELDS[:11])

    def _id(self) -> str:
        return self._pick(*self._ids, *self._ids, "x", "0" * 15, "003000000000000", "%00", "..")

    def _text(self) -> str:
        return self._pick(*self._ids[:3], "", "1", "-1", "99999999999999999999", "x", "%27", "%00", "%ff", "a,b,,c",
                          "2026-01-01T00:00:00Z", "%D9%A3", "1e3", "true", "Id,Nope", "%F0%9F%99%82")  # fmt: skip

    def _below(self, *names: str) -> str:
        return self._pick("", *(f"/{name}" for name in names))

    def _pick(self, *choices: str) -> str:
        return self._rng.choice(choices)

    def _some(self, names: Sequence[str], most: int) -> list[str]:
        return self._rng.sample(names, self._rng.randint(0, min(most, len(names))))


def _json(value: object) -> bytes:
    return orjson.dumps(_printable(value), option=orjson.OPT_NON_STR_KEYS)


def _printable(value: object) -> object:
    """JSON knows no lone surrogates and no integers above 64 bits: those go as text and floats."""
    if isinstance(value, dict):
        return {_printable(key): _printable(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_printable(one) for one in value]
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return float(value) if isinstance(value, int) and abs(value) > 2**63 else value
