"""REST and Bulk calls over a scripted API: no sockets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import orjson
import pytest

from tests.support.pages import one_page
from workers.adapters.salesforce import rest as rest_module
from workers.adapters.salesforce.api import Api
from workers.adapters.salesforce.errors import Reply, SalesforceRefused
from workers.adapters.salesforce.orgs import Org
from workers.ports import FieldInfo, IngestRow, ListInfo, RowOutcome, Unavailable


class Scripted:
    """Answers by path, and remembers what was asked."""

    def __init__(self, replies: Mapping[str, Any]) -> None:
        self.replies = dict(replies)
        self.asked: list[tuple[str, str, Mapping[str, str]]] = []

    async def get(
        self, path: str, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        self.asked.append(("GET", path, params or {}))
        answer = self.replies[path]
        return _reply(answer(params) if callable(answer) else answer)

    async def patch_json(self, path: str, body: Mapping[str, Any]) -> Reply:
        self.asked.append(("PATCH", path, body))
        raise SalesforceRefused("refused", "INVALIDJOBSTATE")


def _reply(answer: Any) -> Reply:
    if isinstance(answer, Reply):
        return answer
    return Reply(200, {}, answer if isinstance(answer, bytes) else orjson.dumps(answer))


def org(replies: Mapping[str, Any]) -> tuple[Org, Scripted]:
    scripted = Scripted(replies)
    return Org(cast("Api", scripted)), scripted


CONTACT = "/services/data/v62.0/sobjects/Contact"
QUERY_ALL = "/services/data/v62.0/queryAll"
JOB = "/services/data/v62.0/jobs/query/750A"
INGEST = "/services/data/v62.0/jobs/ingest/750B"


def field(name: str, kind: str = "string", compound: str | None = None) -> dict[str, object]:
    return {"name": name, "type": kind, "label": name, "updateable": False, "compoundFieldName": compound, "more": 1}


async def test_a_compound_is_what_other_fields_make_up() -> None:
    described = [
        field("Id", "id"),
        field("Name"),
        field("LastName", compound="Name"),
        field("MailingAddress", "address"),
    ]
    client, _ = org({f"{CONTACT}/describe": {"fields": described}})
    fields = await client.fields("contact")
    assert fields[0] == FieldInfo("Id", "id", "Id", updateable=False, compound=False)
    assert [f.name for f in fields if f.compound] == ["Name", "MailingAddress"]


async def test_a_business_accounts_name_is_no_compound() -> None:
    described = [field("Id", "id"), field("Name", compound="Name")]
    client, _ = org({"/services/data/v62.0/sobjects/Account/describe": {"fields": described}})
    assert not [f for f in await client.fields("account") if f.compound]


async def test_a_picklist_is_labelled_where_people_read_a_value_as_something_else() -> None:
    same, other = {"value": "Web", "label": "Web"}, {"value": "TECH", "label": "Technology"}
    described = [
        field("A", "picklist") | {"picklistValues": [same, other]},
        field("B", "picklist") | {"picklistValues": [same, {"value": "x", "label": None}]},
        field("C"),
    ]
    client, _ = org({f"{CONTACT}/describe": {"fields": described}})
    assert [f.name for f in await client.fields("contact") if f.labelled] == ["A"]


def view(number: int) -> dict[str, object]:
    return {"id": f"00B{number:012}AAA", "label": f"List {number}", "developerName": f"List{number}"}


async def test_lists_follow_the_next_page() -> None:
    following = f"{CONTACT}/listviews?offset=25"
    client, scripted = org(
        {
            f"{CONTACT}/listviews": {"listviews": [view(n) for n in range(25)], "nextRecordsUrl": following},
            following: {"listviews": [view(25)], "nextRecordsUrl": None},
        }
    )
    lists = await client.lists("contact")
    assert len(lists) == 26
    assert lists[-1] == ListInfo("00B000000000025AAA", "List 25", "List25")
    assert len(scripted.asked) == 2


async def test_a_next_page_elsewhere_is_not_followed() -> None:
    client, _ = org({f"{CONTACT}/listviews": {"listviews": [], "nextRecordsUrl": "@evil.example/x"}})
    with pytest.raises(Unavailable):
        await client.lists("contact")


async def test_more_fields_than_fit_into_one_query_are_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest_module, "FIELD_CHARACTERS_PER_QUERY", 40)
    names = ["A1234567890", "Id", "B1234567890", "SystemModstamp", "C1234567890"]
    asked: list[list[str]] = []

    def answer(params: Mapping[str, str]) -> dict[str, object]:
        columns = params["q"].removeprefix("SELECT ").split(" FROM ")[0].split(",")
        asked.append(columns)
        row = {name: f"{name}-{len(asked)}" for name in columns} | {"Id": "003A"}
        return {"records": [{"attributes": {"type": "Contact"}, **row}]}

    client, _ = org({QUERY_ALL: answer})
    (record,) = await client.records("contact", ["003000000000001AAA"], names)
    assert asked == [["Id", "SystemModstamp", "A1234567890"], ["Id", "B1234567890", "C1234567890"]]
    assert record["SystemModstamp"] == "SystemModstamp-1"
    assert set(record) == set(names)


@pytest.mark.parametrize("bad", ["x' OR Name != '", "003", "../..", "003000000000001AAA\n"])
async def test_only_ids_reach_a_query_or_a_path(bad: str) -> None:
    client, scripted = org({})
    with pytest.raises(ValueError, match="not a Salesforce id"):
        await client.records("contact", [bad], ["Id"])
    with pytest.raises(ValueError, match="not a Salesforce id"):
        await client.list_describe("contact", bad)
    assert not scripted.asked


async def test_a_page_names_the_next_and_the_last_names_none() -> None:
    csv = b'"Id"\n"003A"\n'
    client, scripted = org(
        {
            f"{JOB}/results": lambda params: Reply(
                200, {"sforce-locator": "null" if params.get("locator") else "MTAw"}, csv
            )
        }
    )
    first = await client.query_page("750A", None)
    assert (first.rows, first.locator) == ([{"Id": "003A"}], "MTAw")
    assert (await client.query_page("750A", first.locator)).locator is None
    assert [params.get("locator") for _, _, params in scripted.asked] == [None, "MTAw"]


async def test_a_damaged_page_is_asked_for_again_by_the_caller() -> None:
    client, _ = org({f"{JOB}/results": b'"Id","Name"\n"003A"\n'})
    with pytest.raises(Unavailable, match="unreadable CSV"):
        await client.query_page("750A", None)


async def test_a_page_that_lacks_rows_is_not_taken_for_whole() -> None:
    reply = Reply(200, {"sforce-numberofrecords": "3", "sforce-locator": "null"}, b'"Id"\n"003A"\n"003B"\n')
    client, _ = org({f"{JOB}/results": reply})
    with pytest.raises(Unavailable, match="2 of 3 rows"):
        await client.query_page("750A", None)


async def test_a_reply_that_is_no_json_is_unavailable_and_not_quoted() -> None:
    client, _ = org({JOB: b"<html>token 00D!secret</html>"})
    with pytest.raises(Unavailable, match="unexpected reply") as unavailable:
        await client.query_state("750A")
    assert "secret" not in str(unavailable.value)


@pytest.mark.parametrize("state", ["UploadComplete", "InProgress", "JobComplete"])
async def test_completing_a_job_twice_is_fine(state: str) -> None:
    client, _ = org({INGEST: {"id": "750B", "state": state}})
    await client.ingest_complete("750B")


@pytest.mark.parametrize("state", ["Open", "Aborted", "Failed"])
async def test_completing_a_job_that_cannot_be_is_refused(state: str) -> None:
    client, _ = org({INGEST: {"id": "750B", "state": state}})
    with pytest.raises(SalesforceRefused):
        await client.ingest_complete("750B")


async def test_the_three_result_files() -> None:
    client, _ = org(
        {
            f"{INGEST}/successfulResults": b'"sf__Id"^"sf__Created"^Id\n"003A"^"false"^"003A"\n',
            f"{INGEST}/failedResults": b'"sf__Id"^"sf__Error"^Id\n"003B"^"X:y:--"^"003B"\n',
            f"{INGEST}/unprocessedrecords": b"Id\n003C\n",
        }
    )
    assert await client.ingest_accepted("750B") == [RowOutcome("003A")]
    assert await client.ingest_rejected("750B") == [RowOutcome("003B", "X:y:--")]
    assert await client.ingest_unprocessed("750B") == [RowOutcome("003C")]


async def test_an_upload_beyond_the_limit_is_the_callers_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.adapters.salesforce.bulk.UPLOAD_LIMIT_BYTES", 10)
    client, _ = org({})
    with pytest.raises(ValueError, match="at most 10"):
        await client.ingest_upload("750B", ["A"], one_page([IngestRow("003000000000001AAA", {"A": "1"})]))
