"""``/composite`` and ``/composite/batch``: up to 25 requests in one, the later ones using answers of the earlier."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from aiohttp import web

from sandbox.org.http.paths import DATA
from sandbox.org.http.subrequests import Answer, answer
from sandbox.org.http.wire import MalformedBodyError, api_error, json_object, json_response
from sandbox.org.store.org import Org

# REST API guide: 25 parts per request.
MAX_PARTS = 25
# Records in bodies nest a few levels; deeper ones would only exhaust the stack.
MAX_DEPTH = 50
_Json = dict[str, object]
_REFERENCE = re.compile(r"@\{([^{}]+)\}")
_STEP = re.compile(r"([A-Za-z_]\w*)|\[(\d+)\]")
_ROLLED_BACK: _Json = {
    "errorCode": "PROCESSING_HALTED",
    "message": "The transaction was rolled back since another operation in the same transaction failed.",
}
_HALTED: _Json = {
    "errorCode": "BATCH_PROCESSING_HALTED",
    "message": "Batch processing was halted by the haltOnError flag.",
}
# What a part may ask for: no composite but collections, and no job.
_ALLOWED = re.compile(r"/services/data/v\d+\.0/(sobjects|query|queryAll|limits|composite/sobjects)\b.*", re.DOTALL)


def routes(org: Org) -> list[web.RouteDef]:
    api = Composite(org)
    return [
        web.post(f"{DATA}/composite", api.composite),
        web.post(f"{DATA}/composite/batch", api.batch),
        web.post(f"{DATA}/composite/graph", api.graph),
    ]


class UnknownReferenceError(Exception):
    """`@{ref.field}` of a part that was not answered so."""


@dataclass(frozen=True, slots=True)
class _Part:
    method: str
    url: str
    body: object
    headers: Mapping[str, str]
    reference_id: str

    @classmethod
    def of(cls, given: object) -> _Part:
        if not isinstance(given, dict):
            raise MalformedBodyError("a part must be an object")
        texts = [given.get(name) for name in ("method", "url", "referenceId")]
        headers = given.get("httpHeaders") or {}
        if not all(isinstance(text, str) and text for text in texts) or not isinstance(headers, dict):
            raise MalformedBodyError("a part needs method, url and referenceId")
        method, url, reference_id = map(str, texts)
        return cls(method.upper(), url, given.get("body"), {str(k): str(v) for k, v in headers.items()}, reference_id)


class Composite:
    """The handlers, over one org."""

    def __init__(self, org: Org) -> None:
        self._org = org

    async def composite(self, request: web.Request) -> web.Response:
        body = await json_object(request)
        parts = _parts(body, "compositeRequest")
        if len(parts) > MAX_PARTS:
            return _too_many(len(parts))
        answers = await self._run(request, parts, all_or_none=body.get("allOrNone") is True)
        return json_response({"compositeResponse": _composite_bodies(parts, answers)})

    async def graph(self, request: web.Request) -> web.Response:
        """Each graph is a composite of its own, all or nothing."""
        graphs = (await json_object(request)).get("graphs")
        if not isinstance(graphs, list) or not all(isinstance(graph, dict) for graph in graphs):
            raise MalformedBodyError("graphs must be a list of objects")
        results = []
        for graph in graphs:
            parts = _parts(graph, "compositeRequest")
            answers = await self._run(request, parts, all_or_none=True)
            results.append({
                "graphId": graph.get("graphId"),
                "graphResponse": {"compositeResponse": _composite_bodies(parts, answers)},
                "isSuccessful": not any(one.failed for one in answers),
            })  # fmt: skip
        return json_response({"graphs": results})

    async def _run(self, request: web.Request, parts: list[_Part], *, all_or_none: bool) -> list[Answer]:
        if not all_or_none:
            return await _in_turn(request, parts, halt=False)
        with self._org.unit_of_work() as unit:
            answers = await _in_turn(request, parts, halt=True)
            if not answers[-1:] or not answers[-1].failed:
                return answers
            unit.fail()
        rolled_back = Answer(400, [_ROLLED_BACK], {})
        return [rolled_back] * (len(answers) - 1) + answers[-1:] + [rolled_back] * (len(parts) - len(answers))

    async def batch(self, request: web.Request) -> web.Response:
        body = await json_object(request)
        given = body.get("batchRequests")
        if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
            raise MalformedBodyError("batchRequests must be a list of objects")
        if len(given) > MAX_PARTS:
            return _too_many(len(given))
        results: list[_Json] = []
        for one in given:
            halted = body.get("haltOnError") is True and any(
                cast("int", result["statusCode"]) >= 400 for result in results
            )
            results.append({"statusCode": 412, "result": [_HALTED]} if halted else await _batch_result(request, one))
        has_errors = any(cast("int", result["statusCode"]) >= 400 for result in results)
        return json_response({"hasErrors": has_errors, "results": results})


def _parts(body: _Json, name: str) -> list[_Part]:
    given = body.get(name)
    if not isinstance(given, list):
        raise MalformedBodyError(f"{name} must be a list")
    parts = [_Part.of(one) for one in given]
    names = [part.reference_id.lower() for part in parts]
    if len(set(names)) < len(names):
        raise MalformedBodyError("every referenceId must be used once only")
    return parts


def _too_many(count: int) -> web.Response:
    return api_error(400, "LIMIT_EXCEEDED", f"The limit of {MAX_PARTS} subrequests was exceeded: {count}")


async def _in_turn(request: web.Request, parts: list[_Part], *, halt: bool) -> list[Answer]:
    """The answers in order; with `halt` none after the first failure."""
    by_reference: dict[str, object] = {}
    answers: list[Answer] = []
    for part in parts:
        answers.append(await _answer(request, part, by_reference))
        by_reference[part.reference_id] = answers[-1].body
        if halt and answers[-1].failed:
            break
    return answers


async def _answer(request: web.Request, part: _Part, by_reference: Mapping[str, object]) -> Answer:
    try:
        url = str(_resolved(part.url, by_reference))
        body = _resolved(part.body, by_reference)
    except UnknownReferenceError as error:
        return Answer(400, [{"errorCode": "PROCESSING_HALTED", "message": str(error)}], {})
    return await _allowed_answer(request, part.method, url, body, part.headers)


async def _allowed_answer(
    request: web.Request, method: str, url: str, body: object, headers: Mapping[str, str] | None = None
) -> Answer:
    if not _ALLOWED.fullmatch(url):
        return Answer(400, [{"errorCode": "INVALID_INPUT", "message": f"The url is not supported: {url}"}], {})
    return await answer(request, method, url, body, headers)


def _composite_bodies(parts: list[_Part], answers: list[Answer]) -> list[_Json]:
    return [
        {"body": one.body, "httpHeaders": one.headers, "httpStatusCode": one.status, "referenceId": part.reference_id}
        for part, one in zip(parts, answers, strict=True)
    ]


async def _batch_result(request: web.Request, given: _Json) -> _Json:
    """Parts of a batch name their path from the version on."""
    url = str(given.get("url", "")).removeprefix("/services/data").removeprefix("/")
    method = str(given.get("method", "GET")).upper()
    one = await _allowed_answer(request, method, f"/services/data/{url}", given.get("richInput"))
    return {"statusCode": one.status, "result": one.body}


def _resolved(value: object, by_reference: Mapping[str, object], depth: int = 0) -> object:
    """`value` with every `@{ref.path}` in its texts replaced."""
    if depth > MAX_DEPTH:
        raise MalformedBodyError("a body is nested too deeply")
    if isinstance(value, dict):
        return {key: _resolved(one, by_reference, depth + 1) for key, one in value.items()}
    if isinstance(value, list):
        return [_resolved(one, by_reference, depth + 1) for one in value]
    if not isinstance(value, str):
        return value
    whole = _REFERENCE.fullmatch(value)
    if whole:
        return _look_up(whole[1], by_reference)
    return _REFERENCE.sub(lambda match: str(_look_up(match[1], by_reference)), value)


def _look_up(reference: str, by_reference: Mapping[str, object]) -> object:
    name, _, path = reference.partition(".")
    base = name.split("[")[0]
    found = by_reference.get(base)
    for key, index in _STEP.findall(name.removeprefix(base) + "." + path):
        if key and isinstance(found, dict) and key in found:
            found = found[key]
        elif index and isinstance(found, list) and int(index) < len(found):
            found = found[int(index)]
        else:
            raise UnknownReferenceError(f"Invalid reference specified. No value for {reference} found in {base}")
    if found is None:
        raise UnknownReferenceError(f"Invalid reference specified. No value for {reference} found in {base}")
    return found
