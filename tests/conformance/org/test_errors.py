"""Every error that callers of REST meet, byte for byte (salesforce-answers 5.3, salesforce-shapes 3)."""

from __future__ import annotations

import pytest

from sandbox.org.config import OrgConfig
from sandbox.org.faults.plan import FaultSpec
from sandbox.org.server import serve
from tests.conformance.org.conftest import Caller, Reply

NO_COLUMN = (
    "If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. "
    "Please reference your WSDL or the describe call for the appropriate names."
)
NO_TYPE = (
    "If you are attempting to use a custom object, be sure to append the '__c' after the entity name. "
    "Please reference your WSDL or the describe call for the appropriate names."
)


def said(reply: Reply) -> tuple[int, str, str]:
    first = reply.json[0]
    return reply.status, first["errorCode"], first["message"]


async def test_not_found(call: Caller) -> None:
    """Shapes 3: errorCode first, no fields."""
    for path in ("/sobjects/Nope", "/nope", "/sobjects/Contact/003000000000001AAA", "/sobjects/Contact/00300"):
        reply = await call("GET", path)
        assert reply.status == 404
        if path != "/sobjects/Contact/00300":
            assert reply.text == '[{"errorCode":"NOT_FOUND","message":"The requested resource does not exist"}]'


async def test_an_external_id_field_that_is_none(call: Caller) -> None:
    """Shapes 3: here message comes first."""
    reply = await call("GET", "/sobjects/Contact/Namez/x")
    assert reply.status == 404
    assert reply.text == (
        '[{"message":"Provided external ID field does not exist or is not accessible: Namez","errorCode":"NOT_FOUND"}]'
    )


async def test_required_field_missing(call: Caller) -> None:
    """Shapes 3, recorded."""
    reply = await call("POST", "/sobjects/Account", {})
    assert reply.status == 400
    assert reply.text == (
        '[{"message":"Required fields are missing: [Name]","errorCode":"REQUIRED_FIELD_MISSING","fields":["Name"]}]'
    )
    several = await call("POST", "/sobjects/Lead", {})
    assert several.json[0]["message"] == "Required fields are missing: [LastName, Company]"
    assert several.json[0]["fields"] == ["LastName", "Company"]


async def test_entity_is_deleted(call: Caller) -> None:
    """Shapes 3, recorded: the second DELETE."""
    path = f"/sobjects/Contact/{await call.created('Contact', LastName='X')}"
    assert (await call("DELETE", path)).status == 204
    for method, body in (("DELETE", None), ("PATCH", {"LastName": "Y"})):
        reply = await call(method, path, body)
        assert reply.status == 404
        assert reply.text == '[{"message":"entity is deleted","errorCode":"ENTITY_IS_DELETED","fields":[]}]'


async def test_unknown_column_in_a_body(call: Caller) -> None:
    """Shapes 3, recorded: no fields."""
    reply = await call("POST", "/sobjects/Contact", {"LastName": "X", "foo": 1})
    assert reply.status == 400
    assert reply.text == '[{"message":"No such column \'foo\' on sobject of type Contact","errorCode":"INVALID_FIELD"}]'


async def test_string_too_long(call: Caller) -> None:
    """Answers 5.3: the label, not the API name."""
    value = "x" * 81
    reply = await call("POST", "/sobjects/Contact", {"LastName": value})
    assert reply.status == 400
    message = f"Last Name: data value too large: {value} (max length=80)"
    assert reply.json == [{"message": message, "errorCode": "STRING_TOO_LONG", "fields": ["LastName"]}]


async def test_invalid_email_address(call: Caller) -> None:
    """Shapes 3."""
    reply = await call("POST", "/sobjects/Contact", {"LastName": "X", "Email": "123"})
    assert reply.text == (
        '[{"message":"Email: invalid email address: 123","errorCode":"INVALID_EMAIL_ADDRESS","fields":["Email"]}]'
    )


async def test_duplicate_value(call: Caller) -> None:
    """Answers 5.3: the other record by 15 characters; fields is empty."""
    definition = {
        "FullName": "Contact.Ext__c",
        "Metadata": {"label": "Ext", "type": "Text", "length": 20, "unique": True, "externalId": True},
    }
    assert (await call("POST", "/tooling/sobjects/CustomField", definition)).status == 201
    assert (await permitted(call, "Contact.Ext__c")).status == 201
    holder = await call.created("Contact", LastName="X", Ext__c="one")
    reply = await call("POST", "/sobjects/Contact", {"LastName": "Y", "Ext__c": "ONE"})
    message = f"duplicate value found: Ext__c duplicates value on record with id: {holder[:15]}"
    assert (reply.status, reply.json) == (
        400,
        [{"message": message, "errorCode": "DUPLICATE_VALUE", "fields": []}],
    )


async def permitted(call: Caller, field: str) -> Reply:
    """A custom field is for nobody until somebody may see it (shapes 7.4)."""
    found = await call.query("SELECT Id FROM PermissionSet WHERE Profile.Name = 'System Administrator'")
    permission = {
        "ParentId": found.json["records"][0]["Id"],
        "SobjectType": field.split(".")[0],
        "Field": field,
        "PermissionsRead": True,
        "PermissionsEdit": True,
    }
    return await call("POST", "/sobjects/FieldPermissions/", permission)


async def test_a_parent_by_an_external_id(call: Caller) -> None:
    """Shapes 4.1: a parent is named by an external id, or the field and its object are told."""
    boss = await call.created("Contact", LastName="Boss", Email="boss@conformance.example")
    record_id = await call.created("Contact", LastName="X", ReportsTo={"Email": "boss@conformance.example"})
    assert (await call("GET", f"/sobjects/Contact/{record_id}")).json["ReportsToId"] == boss
    reply = await call("POST", "/sobjects/Contact", {"LastName": "X", "ReportsTo": {"Email": "nobody@x.example"}})
    message = "Foreign key external ID: nobody@x.example not found for field Email in entity Contact"
    assert said(reply) == (400, "INVALID_FIELD", message)


async def test_invalid_cross_reference_key(call: Caller) -> None:
    """Shapes 3: a reference to nothing."""
    for body in ({"LastName": "X", "AccountId": "001000000000001AAA"},):
        reply = await call("POST", "/sobjects/Contact", body)
        assert said(reply)[1] in {"INVALID_CROSS_REFERENCE_KEY", "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY"}
        assert reply.status == 400


@pytest.mark.parametrize("value", ["abc", "00100000000000", "001-0000000000!AAA"])
async def test_malformed_id(call: Caller, value: str) -> None:
    """Answers 5.3."""
    reply = await call("POST", "/sobjects/Contact", {"LastName": "X", "AccountId": value})
    assert (reply.status, reply.json[0]["errorCode"]) == (400, "MALFORMED_ID")
    removed = await call("DELETE", f"/composite/sobjects?ids={value}")
    assert removed.json[0]["errors"][0]["statusCode"] == "MALFORMED_ID"


async def test_restricted_picklist(call: Caller) -> None:
    """Answers 5.3."""
    reply = await call("POST", "/sobjects/Contact", {"LastName": "X", "CleanStatus": "Spotless"})
    assert said(reply) == (
        400,
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        "Clean Status: bad value for restricted picklist field: Spotless",
    )


async def test_a_field_that_is_not_writable(call: Caller) -> None:
    """Answers 5.3."""
    reply = await call("POST", "/sobjects/Contact", {"LastName": "X", "IsDeleted": True})
    status, code, message = said(reply)
    assert (status, code) == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")
    assert message == (
        "Unable to create/update fields: IsDeleted. Please check the security settings of this field and verify that "
        "it is read/write for your profile or permission set."
    )


async def test_unable_to_lock_row(call: Caller) -> None:
    """Answers 5.3."""
    record_id = await call.created("Contact", LastName="X")
    call.org.org.plan(FaultSpec("row-lock"))
    reply = await call("PATCH", f"/sobjects/Contact/{record_id}", {"LastName": "Y"})
    assert said(reply) == (
        400,
        "UNABLE_TO_LOCK_ROW",
        f"unable to obtain exclusive access to this record or 1 records: {record_id}",
    )


@pytest.mark.parametrize("body", [b"{", b"", b"[]", b'"x"', b"nonsense", b"\xff", b'{"a":'])
async def test_a_body_that_is_no_record(call: Caller, body: bytes) -> None:
    """REST API guide, status 400."""
    reply = await call("POST", "/sobjects/Contact", body)
    assert (reply.status, reply.json[0]["errorCode"]) == (400, "JSON_PARSER_ERROR")


async def test_method_not_allowed(call: Caller) -> None:
    """Shapes 3: with the Allow header."""
    reply = await call("PUT", "/sobjects/Contact", {})
    assert (reply.status, reply.json[0]["errorCode"]) == (405, "METHOD_NOT_ALLOWED")
    assert set(reply.headers["Allow"].split(",")) >= {"GET", "POST"}
    assert reply.json[0]["message"].startswith("HTTP Method 'PUT' not allowed. Allowed are ")


async def test_a_session_that_is_none(call: Caller) -> None:
    """Shapes 3: 401."""
    for token in ("", "Bearer nonsense", "OAuth nonsense"):
        reply = await call("GET", "/limits", Authorization=token)
        assert reply.status == 401
        assert reply.text == '[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]'


async def test_a_dead_token_with_a_body_that_is_not_json(call: Caller) -> None:
    """Shapes 3, recorded: the one reply in XML, labelled as HTML."""
    reply = await call(
        "POST", "/sobjects/Contact", b"LastName=x", Authorization="Bearer dead", Content_Type="text/plain"
    )
    assert reply.status == 401
    assert reply.headers["Content-Type"] == "text/html; charset=UTF-8"
    assert reply.headers["Sfdc-OAuth-Error"] == "1703"
    assert reply.text == (
        "<response><faultcode>LOGIN_OAUTH_INVALID_TOKEN(db=1703,api=LOGIN_OAUTH_INVALID_TOKEN)</faultcode>"
        "<error>Failed: Invalid Token</error></response>"
    )


async def test_the_daily_quota_is_used_up(call: Caller) -> None:
    """Answers 1: HTTP 403, message first, final full stop."""
    async with await serve(OrgConfig(daily_api_requests=1)) as org:
        caller = Caller(org, call.http)
        assert (await caller("GET", "/limits")).status == 200
        reply = await caller("GET", "/limits")
    assert reply.status == 403
    assert reply.text == '[{"message":"TotalRequests Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]'


async def test_unknown_type_in_a_query(call: Caller) -> None:
    """Shapes 2, recorded: newline, the query, a caret below the name, the position, a newline, the text."""
    reply = await call.query("select count() from XYZZY")
    assert reply.status == 400
    message = (
        "\nselect count() from XYZZY\n                    ^\nERROR at Row:1:Column:21\n"
        f"sObject type 'XYZZY' is not supported. {NO_TYPE}"
    )
    assert reply.json == [{"message": message, "errorCode": "INVALID_TYPE"}]
    assert reply.text.startswith('[{"message":')


async def test_unknown_field_in_a_query(call: Caller) -> None:
    """Shapes 2."""
    reply = await call.query("SELECT Id, foo FROM Contact")
    code, message = reply.json[0]["errorCode"], reply.json[0]["message"]
    assert (reply.status, code) == (400, "INVALID_FIELD")
    assert message.startswith("\nSELECT Id, foo FROM Contact\n           ^\nERROR at Row:1:Column:12\n")
    assert message.endswith(f"\nNo such column 'foo' on entity 'Contact'. {NO_COLUMN}")


@pytest.mark.parametrize(
    "text",
    ["SELECT", "SELECT Id", "SELECT Id FROM", "SELECT Id FROM Contact WHERE", "invalid", "SELECT Id FROM Contact x y"],
)
async def test_text_that_is_no_query(call: Caller, text: str) -> None:
    """Answers 5.3."""
    reply = await call.query(text)
    assert (reply.status, reply.json[0]["errorCode"]) == (400, "MALFORMED_QUERY")
    assert "unexpected token: " in reply.json[0]["message"]


async def test_a_locator_that_is_none(call: Caller) -> None:
    """Answers 5.3."""
    reply = await call("GET", "/query/0r8xx0000000000AAA-2000")
    assert said(reply) == (400, "INVALID_QUERY_LOCATOR", "invalid query locator")


async def test_an_offset_that_is_too_far(call: Caller) -> None:
    """Answers 5.1: OFFSET above 2,000."""
    reply = await call.query("SELECT Id FROM Contact OFFSET 2001")
    assert said(reply)[:2] == (400, "NUMBER_OUTSIDE_VALID_RANGE")


async def test_a_statement_that_is_too_long(call: Caller) -> None:
    """Answers 5.1: 100,000 characters."""
    names = ",".join(f"'{number:015d}'" for number in range(6_000))
    reply = await call("POST", "/composite/batch", {
        "batchRequests": [{"method": "GET", "url": f"v62.0/query?q=SELECT+Id+FROM+Contact+WHERE+LastName+IN+({names})"}]
    })  # fmt: skip
    result = reply.json["results"][0]
    assert (result["statusCode"], result["result"][0]["errorCode"]) == (400, "MALFORMED_QUERY")


async def test_a_date_where_a_datetime_belongs(call: Caller) -> None:
    """Answers 5.1."""
    reply = await call.query("SELECT Id FROM Contact WHERE CreatedDate > 2026-01-01")
    assert reply.json[0]["errorCode"] == "INVALID_FIELD"
    text = "value of filter criterion for field 'CreatedDate' must be of type dateTime"
    assert reply.json[0]["message"].endswith(f"{text} and should not be enclosed in quotes")


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("Birthdate", "soon", "date from VALUE_STRING value soon"),
        ("EmailBouncedDate", 5, "datetime from VALUE_NUMBER_INT value 5"),
        ("DoNotCall", 1.5, "boolean from VALUE_NUMBER_FLOAT value 1.5"),
        ("Engagement_Score__c", True, "double from VALUE_TRUE value true"),
        ("Title", {"a": 1}, "string from START_OBJECT value {"),
        ("AccountId", ["x"], "reference from START_ARRAY value ["),
    ],
)
async def test_a_value_of_another_type(call: Caller, name: str, value: object, what: str) -> None:
    """REST: what cannot be read as the field's type is an error of the parser, with the place; no fields."""
    message = f"Cannot deserialize instance of {what} or request may be missing a required field at [line:1, column:"
    body = {"LastName": "X", name: value}
    reply = await call("POST", "/sobjects/Contact", body)
    assert reply.status == 400
    assert reply.json[0]["message"].startswith(message)
    assert reply.json[0]["errorCode"] == "JSON_PARSER_ERROR"
    row = await call("POST", "/composite/sobjects", {"records": [{"attributes": {"type": "Contact"}, **body}]})
    assert row.json[0]["errors"][0]["statusCode"] == "JSON_PARSER_ERROR"


async def test_several_matches_of_an_external_id(call: Caller) -> None:
    """Shapes 3, recorded: 300 with the paths of all, for GET and PATCH alike."""
    for _ in range(2):
        await call.created("Contact", LastName="Twin", Email="twin@conformance.example")
    for method, body in (("GET", None), ("PATCH", {"LastName": "Y"})):
        reply = await call(method, "/sobjects/Contact/Email/twin@conformance.example", body)
        assert reply.status == 300
        assert [path.rsplit("/", 1)[0] for path in reply.json] == ["/services/data/v62.0/sobjects/Contact"] * 2


async def test_too_many_records_in_a_collection(call: Caller) -> None:
    """REST API guide: up to 200."""
    records = [{"attributes": {"type": "Contact"}, "LastName": "X"}] * 201
    reply = await call("POST", "/composite/sobjects", {"records": records})
    assert said(reply)[:2] == (400, "EXCEEDED_ID_LIMIT")
