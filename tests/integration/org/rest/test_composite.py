"""Composite, batch, tree (salesforce-shapes.md 4)."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from sandbox.org.server import RunningOrg

DATA = "/services/data/v62.0"


async def post(http: aiohttp.ClientSession, path: str, body: object, status: int = 200) -> Any:
    async with http.post(DATA + path, json=body) as reply:
        assert reply.status == status, await reply.text()
        return await reply.json()


def part(method: str, path: str, reference_id: str, body: object = None) -> dict[str, object]:
    return {"method": method, "url": DATA + path, "referenceId": reference_id, "body": body}


async def test_later_parts_use_answers_of_earlier_ones(http: aiohttp.ClientSession) -> None:
    answer = await post(
        http,
        "/composite",
        {
            "allOrNone": False,
            "compositeRequest": [
                part("POST", "/sobjects/Account", "acme", {"Name": "Acme"}),
                part("POST", "/sobjects/Contact", "ann", {"LastName": "Ann", "AccountId": "@{acme.id}"}),
                part("GET", "/query?q=SELECT+Account.Name+FROM+Contact+WHERE+Id='@{ann.id}'", "asked"),
                part("PATCH", "/sobjects/Account/@{asked.records[0].Account.Name}", "wrong", {"Name": "x"}),
                part(
                    "PATCH", "/sobjects/Account/@{acme.id}", "renamed", {"Name": "@{asked.records[0].Account.Name} 2"}
                ),
                part("GET", "/sobjects/Account/@{acme.id}?fields=Name", "read"),
                part("GET", "/sobjects/Account/@{acme.nothing}", "unknown"),
                part("GET", "/jobs/query/750xx/results", "nested"),
            ],
        },
    )
    created, contact, asked, wrong, renamed, read, unknown, nested = answer["compositeResponse"]
    assert list(created) == ["body", "httpHeaders", "httpStatusCode", "referenceId"]
    account_id = created["body"]["id"]
    assert created["httpHeaders"] == {"Location": f"{DATA}/sobjects/Account/{account_id}"}
    assert (created["httpStatusCode"], contact["httpStatusCode"], created["referenceId"]) == (201, 201, "acme")
    assert asked["body"]["records"][0]["Account"]["Name"] == "Acme"
    assert (wrong["httpStatusCode"], wrong["body"][0]["errorCode"]) == (404, "NOT_FOUND")
    assert renamed == {"body": None, "httpHeaders": {}, "httpStatusCode": 204, "referenceId": "renamed"}
    assert read["body"]["Name"] == "Acme 2"
    assert unknown["body"][0]["errorCode"] == "PROCESSING_HALTED"
    assert nested["httpStatusCode"] == 400


async def test_all_or_none_undoes_everything_and_publishes_nothing(
    http: aiohttp.ClientSession, org: RunningOrg
) -> None:
    entries = len(org.org.ledger)
    body = {
        "allOrNone": True,
        "compositeRequest": [
            part("POST", "/sobjects/Account", "acme", {"Name": "Acme"}),
            part("POST", "/sobjects/Contact", "ann", {"FirstName": "Ann"}),
            part("POST", "/sobjects/Contact", "bo", {"LastName": "Bo"}),
        ],
    }
    first, failed, last = (await post(http, "/composite", body))["compositeResponse"]
    for halted in (first, last):
        assert (halted["httpStatusCode"], halted["httpHeaders"]) == (400, {})
        assert halted["body"][0]["errorCode"] == "PROCESSING_HALTED"
    assert failed["body"][0]["errorCode"] == "REQUIRED_FIELD_MISSING"
    assert (org.org.count("Account"), org.org.count("Contact"), len(org.org.ledger)) == (0, 0, entries)


async def test_all_or_none_is_one_transaction(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    body = {
        "allOrNone": True,
        "compositeRequest": [
            part("POST", "/sobjects/Account", "acme", {"Name": "Acme"}),
            part("POST", "/sobjects/Contact", "ann", {"LastName": "Ann", "AccountId": "@{acme.id}"}),
        ],
    }
    await post(http, "/composite", body)
    account, contact = list(org.org.ledger.after(len(org.org.ledger) - 2))
    assert account.transaction_key == contact.transaction_key
    assert contact.after["AccountId"] == account.record_id


async def test_batch(http: aiohttp.ClientSession) -> None:
    account_id = (await post(http, "/sobjects/Account", {"Name": "A"}, 201))["id"]
    requests = [
        {"method": "PATCH", "url": f"v62.0/sobjects/account/{account_id}", "richInput": {"Name": "N"}},
        {"method": "GET", "url": f"v62.0/sobjects/account/{account_id}?fields=Name"},
        {"method": "GET", "url": "v62.0/sobjects/Nope"},
        {"method": "GET", "url": "v62.0/sobjects/Account"},
    ]
    answer = await post(http, "/composite/batch", {"batchRequests": requests})
    assert answer["hasErrors"] is True
    assert answer["results"][0] == {"statusCode": 204, "result": None}
    assert answer["results"][1]["result"]["Name"] == "N"
    assert [one["statusCode"] for one in answer["results"]] == [204, 200, 404, 200]
    halted = await post(http, "/composite/batch", {"batchRequests": requests, "haltOnError": True})
    assert [one["statusCode"] for one in halted["results"]] == [204, 200, 404, 412]
    assert halted["results"][3]["result"][0]["errorCode"] == "BATCH_PROCESSING_HALTED"


def tree(email: str) -> dict[str, object]:
    child = {"attributes": {"type": "Contact", "referenceId": "ref2"}, "lastname": "Y", "Email": email}
    root = {"attributes": {"type": "Account", "referenceId": "ref1"}, "name": "X", "Contacts": {"records": [child]}}
    return {"records": [root]}


async def test_tree(http: aiohttp.ClientSession, org: RunningOrg) -> None:
    failed = await post(http, "/composite/tree/Account", tree("123"), 400)
    assert failed == {
        "hasErrors": True,
        "results": [
            {
                "referenceId": "ref2",
                "errors": [
                    {
                        "statusCode": "INVALID_EMAIL_ADDRESS",
                        "message": "Email: invalid email address: 123",
                        "fields": ["Email"],
                    }
                ],
            }
        ],
    }
    assert org.org.count("Account") == 0
    saved = await post(http, "/composite/tree/Account", tree("y@x.example"), 201)
    assert [one["referenceId"] for one in saved["results"]] == ["ref1", "ref2"]
    (contact,) = org.org.rows("Contact")
    assert (contact["Id"], contact["AccountId"]) == (saved["results"][1]["id"], saved["results"][0]["id"])


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"compositeRequest": [1]},
        {"compositeRequest": [{"method": "GET", "url": 5, "referenceId": "a"}]},
        {"compositeRequest": [part("GET", "/limits", "a"), part("GET", "/limits", "A")]},
        {"compositeRequest": [part("GET", "/limits", f"r{number}") for number in range(26)]},
    ],
)
async def test_malformed_composites(http: aiohttp.ClientSession, body: object) -> None:
    assert (await post(http, "/composite", body, 400))[0]["errorCode"] in {"JSON_PARSER_ERROR", "LIMIT_EXCEEDED"}


async def test_a_body_nested_too_deeply(http: aiohttp.ClientSession) -> None:
    deep: object = "x"
    for _ in range(600):
        deep = [deep]
    body = {"compositeRequest": [part("POST", "/sobjects/Account", "deep", {"Name": deep})]}
    assert (await post(http, "/composite", body, 400))[0]["errorCode"] == "JSON_PARSER_ERROR"
