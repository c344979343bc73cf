"""Queries, single records and the composite family as they were recorded (salesforce-shapes 2, 3 and 4)."""

from __future__ import annotations

import pytest

from tests.conformance.org.conftest import Caller

RECORD = '{"attributes":{"type":"Account","url":"/services/data/v62.0/sobjects/Account/001…"}'
ROLLED_BACK = (
    '{"success":false,"errors":[{"statusCode":"ALL_OR_NONE_OPERATION_ROLLED_BACK","message":"Record rolled back '
    'because not all records were valid and the request was using AllOrNone header","fields":[]}]}'
)
MISSING = (
    '{"success":false,"errors":[{"statusCode":"REQUIRED_FIELD_MISSING","message":"Required fields are missing: '
    '[LastName]","fields":["LastName"]}]}'
)
HALTED = (
    '"body":[{"errorCode":"PROCESSING_HALTED","message":"The transaction was rolled back since another operation in '
    'the same transaction failed."}],"httpHeaders":{},"httpStatusCode":400'
)


async def test_the_shape_of_a_query(call: Caller) -> None:
    """Shapes 2: totalSize, done, records; keys in SELECT order after the attributes."""
    reply = await call.query("SELECT Name, Id FROM Account WHERE Name = 'Edge Communications'")
    assert reply.neutral == (
        '{"totalSize":1,"done":true,"records":[' + RECORD + ',"Name":"Edge Communications","Id":"001…"}]}'
    )
    assert (await call.query("SELECT Id FROM Account WHERE Name = 'Nobody'")).text == (
        '{"totalSize":0,"done":true,"records":[]}'
    )


async def test_pages_of_a_query(call: Caller) -> None:
    """Shapes 2: nextRecordsUrl between done and records, with the offset behind the locator; none on the last page."""
    call.org.org.load("Contact", [{"LastName": f"Many {number}"} for number in range(2_100)])
    first = (await call.query("SELECT Id FROM Contact")).json
    total = first["totalSize"]
    assert list(first) == ["totalSize", "done", "nextRecordsUrl", "records"]
    assert (first["done"], len(first["records"])) == (False, 2_000)
    assert first["nextRecordsUrl"].startswith("/services/data/v62.0/query/0r8")
    assert first["nextRecordsUrl"].endswith("-2000")
    last = (await call("GET", first["nextRecordsUrl"])).json
    assert list(last) == ["totalSize", "done", "records"]
    assert (last["totalSize"], last["done"], len(last["records"])) == (total, True, total - 2_000)


async def test_parents_and_children_of_a_query(call: Caller) -> None:
    """Shapes 2: a missing parent is null, and so are no children."""
    account = await call.created("Account", Name="Parent")
    await call.created("Contact", LastName="Child", AccountId=account)
    await call.created("Contact", LastName="Orphan")
    children = await call.query("SELECT Name, (SELECT LastName FROM Contacts) FROM Account WHERE Name = 'Parent'")
    contact = '{"attributes":{"type":"Contact","url":"/services/data/v62.0/sobjects/Contact/003…"},"LastName":"Child"'
    assert children.neutral == (
        '{"totalSize":1,"done":true,"records":[' + RECORD + ',"Name":"Parent","Contacts":'
        '{"totalSize":1,"done":true,"records":[' + contact + "}]}}]}"
    )
    parent = await call.query("SELECT LastName, Account.Name FROM Contact WHERE LastName = 'Child'")
    assert parent.neutral.endswith(contact + ',"Account":' + RECORD + ',"Name":"Parent"}}]}')
    orphan = await call.query("SELECT LastName, Account.Name FROM Contact WHERE LastName = 'Orphan'")
    assert orphan.json["records"][0]["Account"] is None
    await call.created("Account", Name="Childless")
    alone = await call.query("SELECT Name, (SELECT Id FROM Contacts) FROM Account WHERE Name = 'Childless'")
    assert alone.json["records"][0]["Contacts"] is None


async def test_counts_and_aggregates(call: Caller) -> None:
    """Shapes 2: attributes without an address; expr0 where no alias was given."""
    count = await call.query("SELECT count() FROM Account")
    assert count.text == f'{{"totalSize":{call.org.org.count("Account")},"done":true,"records":[]}}'
    groups = await call.query("SELECT Rating, COUNT(Id) n, MAX(AnnualRevenue) FROM Account GROUP BY Rating LIMIT 1")
    row = groups.json["records"][0]
    assert list(row) == ["attributes", "Rating", "n", "expr0"]
    assert row["attributes"] == {"type": "AggregateResult"}


async def test_a_compound_field(call: Caller) -> None:
    """Shapes 2: keys alphabetical, first letter lower; null as a whole when every part is."""
    await call.created("Account", Name="Placed", BillingCity="Austin", BillingState="TX")
    await call.created("Account", Name="Placeless")
    placed = await call.query("SELECT BillingAddress FROM Account WHERE Name = 'Placed'")
    address = placed.json["records"][0]["BillingAddress"]
    assert list(address) == sorted(address)
    assert (address["city"], address["state"], address["geocodeAccuracy"]) == ("Austin", "TX", None)
    placeless = await call.query("SELECT BillingAddress FROM Account WHERE Name = 'Placeless'")
    assert placeless.json["records"][0]["BillingAddress"] is None


async def test_deleted_rows(call: Caller) -> None:
    """Shapes 2: queryAll, same shape."""
    record_id = await call.created("Contact", LastName="Gone")
    await call("DELETE", f"/sobjects/Contact/{record_id}")
    reply = await call("GET", "/queryAll?q=SELECT+IsDeleted+FROM+Contact+WHERE+LastName='Gone'")
    assert reply.json["records"][0]["IsDeleted"] is True


async def test_tooling_query(call: Caller) -> None:
    """Shapes 2: five keys before the records."""
    reply = await call("GET", "/tooling/query?q=SELECT+Id+FROM+CustomField+LIMIT+1")
    body = reply.json
    assert list(body) == ["size", "totalSize", "done", "queryLocator", "entityTypeName", "records"]
    assert (body["queryLocator"], body["entityTypeName"]) == (None, "CustomField")


async def test_writes_of_one_record(call: Caller) -> None:
    """Shapes 3: 201 with a body, 204 without one."""
    reply = await call("POST", "/sobjects/Account", {"Name": "X"})
    assert (reply.status, reply.neutral) == (201, '{"id":"001…","success":true,"errors":[]}')
    for method, body in (("PATCH", {"Name": "Y"}), ("DELETE", None)):
        reply = await call(method, f"/sobjects/Account/{(await call.created('Account', Name='Z'))}", body)
        assert (reply.status, reply.text) == (204, "")


async def test_upserts_by_a_field(call: Caller) -> None:
    """Shapes 3: 201 and 200 with `created`; 204 in old versions."""
    path, body = "/sobjects/Contact/Email/x%40conformance.example", {"LastName": "X"}
    new = await call("PATCH", path, body)
    assert (new.status, new.neutral) == (201, '{"id":"003…","success":true,"errors":[],"created":true}')
    assert new.headers["Location"] == f"/services/data/v62.0/sobjects/Contact/{new.json['id']}"
    for update_only in ("", "?updateOnly=true"):
        old = await call("PATCH", path + update_only, body)
        assert (old.status, old.neutral) == (200, '{"id":"003…","success":true,"errors":[],"created":false}')
    ancient = await call("PATCH", f"/services/data/v45.0{path}", body)
    assert (ancient.status, ancient.text) == (204, "")


async def test_a_whole_record(call: Caller) -> None:
    """Shapes 3: attributes, then all fields in describe order, nulls included."""
    record = (await call("GET", f"/sobjects/Account/{await call.created('Account', Name='X')}")).json
    described = [one["name"] for one in (await call("GET", "/sobjects/Account/describe")).json["fields"]]
    assert list(record) == ["attributes", *described]
    assert record["Description"] is None


async def test_collections(call: Caller) -> None:
    """Shapes 4.2: 200 even if all fail; a refused row has no id, and its error key is statusCode, which comes first."""
    good, bad = {"attributes": {"type": "Contact"}, "LastName": "A"}, {"attributes": {"type": "Contact"}}
    rows = {"allOrNone": False, "records": [good, bad]}
    reply = await call("POST", "/composite/sobjects", rows)
    assert (reply.status, reply.neutral) == (200, '[{"id":"003…","success":true,"errors":[]},' + MISSING + "]")
    strict = await call("POST", "/composite/sobjects", rows | {"allOrNone": True})
    assert (strict.status, strict.neutral) == (200, f"[{ROLLED_BACK},{MISSING}]")


async def test_upserted_collections(call: Caller) -> None:
    """Shapes 4.2: `created` comes last, and stays true for an insert that was rolled back."""
    good = {"attributes": {"type": "Contact"}, "LastName": "A", "Email": "a@conformance.example"}
    path, before = "/composite/sobjects/Contact/Email", call.org.org.count("Contact")
    without = {"LastName": "B", "Email": "b@conformance.example"}
    strict = await call("PATCH", path, {"allOrNone": True, "records": [good, without]})
    message = "Nested object for polymorphic foreign key must have an attributes field before any other fields."
    assert strict.neutral == (
        f'[{ROLLED_BACK[:-1]},"created":true}},{{"success":false,"errors":[{{"statusCode":"JSON_PARSER_ERROR",'
        f'"message":"{message}","fields":[]}}],"created":false}}]'
    )
    assert call.org.org.count("Contact") == before
    new = await call("PATCH", path, {"records": [good]})
    assert new.neutral == '[{"id":"003…","success":true,"errors":[],"created":true}]'
    assert (await call("PATCH", path, {"records": [good]})).neutral == new.neutral.replace("true}", "false}")


async def test_composite(call: Caller) -> None:
    """Shapes 4.1: 200 outside; a part that says nothing has a null body and no headers."""
    make = {
        "method": "POST",
        "url": "/services/data/v62.0/sobjects/Account",
        "referenceId": "new",
        "body": {"Name": "X"},
    }
    change = {
        "method": "PATCH",
        "url": "/services/data/v62.0/sobjects/Account/@{new.id}",
        "referenceId": "c",
        "body": {},
    }
    fail = {"method": "POST", "url": "/services/data/v62.0/sobjects/Account", "referenceId": "bad", "body": {}}
    reply = await call("POST", "/composite", {"compositeRequest": [make, change]})
    assert reply.status == 200
    assert reply.neutral == (
        '{"compositeResponse":[{"body":{"id":"001…","success":true,"errors":[]},'
        '"httpHeaders":{"Location":"/services/data/v62.0/sobjects/Account/001…"},"httpStatusCode":201,"referenceId":"new"},'
        '{"body":null,"httpHeaders":{},"httpStatusCode":204,"referenceId":"c"}]}'
    )
    before = call.org.org.count("Account")
    strict = await call("POST", "/composite", {"allOrNone": True, "compositeRequest": [make, fail]})
    assert f'{{{HALTED},"referenceId":"new"}}' in strict.text
    assert '"errorCode":"REQUIRED_FIELD_MISSING"' in strict.text
    assert call.org.org.count("Account") == before


async def test_batch(call: Caller) -> None:
    """Shapes 4.3: statusCode and result; halted parts answer 412."""
    account = await call.created("Account", Name="X")
    parts = [
        {"method": "PATCH", "url": f"v62.0/sobjects/account/{account}", "richInput": {"Name": "N"}},
        {"method": "GET", "url": f"v62.0/sobjects/account/{account}?fields=Name"},
    ]
    reply = await call("POST", "/composite/batch", {"batchRequests": parts, "haltOnError": False})
    assert reply.text.startswith(
        '{"hasErrors":false,"results":[{"statusCode":204,"result":null},{"statusCode":200,"result":'
    )
    assert reply.json["results"][1]["result"]["Name"] == "N"
    broken = [{"method": "GET", "url": "v62.0/sobjects/Nope"}, parts[1]]
    halted = await call("POST", "/composite/batch", {"batchRequests": broken, "haltOnError": True})
    assert halted.json["hasErrors"] is True
    assert halted.json["results"][1]["statusCode"] == 412
    assert halted.json["results"][1]["result"][0]["errorCode"] == "BATCH_PROCESSING_HALTED"


async def test_tree(call: Caller) -> None:
    """Shapes 4.3: 201 with ids by reference; a failure lists the failing ones only, and nothing is saved."""
    child = {
        "attributes": {"type": "Contact", "referenceId": "ref2"},
        "lastname": "Y",
        "Email": "y@conformance.example",
    }
    root = {"attributes": {"type": "Account", "referenceId": "ref1"}, "name": "X", "Contacts": {"records": [child]}}
    reply = await call("POST", "/composite/tree/Account", {"records": [root]})
    assert (reply.status, reply.neutral) == (
        201,
        '{"hasErrors":false,"results":[{"referenceId":"ref1","id":"001…"},{"referenceId":"ref2","id":"003…"}]}',
    )
    child["Email"], before = "123", call.org.org.count("Account")
    broken = await call("POST", "/composite/tree/Account", {"records": [root]})
    assert broken.status == 400
    assert broken.text == (
        '{"hasErrors":true,"results":[{"referenceId":"ref2","errors":[{"statusCode":"INVALID_EMAIL_ADDRESS","message":'
        '"Email: invalid email address: 123","fields":["Email"]}]}]}'
    )
    assert call.org.org.count("Account") == before


async def test_values_of_fields(call: Caller) -> None:
    """Shapes 0 and 3: datetimes with milliseconds and +0000, currencies as floats, whole numbers as they are."""
    fields = {"AnnualRevenue": 139_000_000, "NumberOfEmployees": 1_000, "SLAExpirationDate__c": "2026-05-24"}
    account = await call.created("Account", Name="X", **fields)
    text = (await call("GET", f"/sobjects/Account/{account}")).text
    assert '"AnnualRevenue":139000000.0,' in text
    assert '"NumberOfEmployees":1000,' in text
    assert '"SLAExpirationDate__c":"2026-05-24"' in text
    assert '"CreatedDate":"<datetime>"' in (await call("GET", f"/sobjects/Account/{account}")).neutral


@pytest.mark.parametrize("name", ["Contact", "Account", "Lead", "Opportunity", "Campaign", "User"])
async def test_describe(call: Caller, name: str) -> None:
    """Shapes 1.4 and 1.5: 45 keys, 57 for a field, all in alphabetical order."""
    described = (await call("GET", f"/sobjects/{name}/describe")).json
    assert (len(described), list(described)) == (45, sorted(described))
    for field in described["fields"]:
        assert (len(field), list(field)) == (57, sorted(field))
        if field["type"] in {"string", "textarea", "url", "email", "phone", "picklist"} and not field["calculated"]:
            assert field["byteLength"] == 3 * field["length"]
        if field["type"] == "boolean":
            assert (field["aggregatable"], field["nillable"]) == (False, False)
        if field["type"] == "datetime":
            assert field["groupable"] is False
        if field["type"] == "textarea" and field["length"] > 255:
            assert not any(field[flag] for flag in ("aggregatable", "filterable", "groupable", "sortable"))
