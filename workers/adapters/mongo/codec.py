"""Between the models and what is stored: the model's fields, `_id` = "team:id", and the store's own fields (`_...`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import bson
from bson import CodecOptions, Int64, ObjectId
from bson.codec_options import TypeDecoder, TypeRegistry
from bson.errors import InvalidDocument
from bson.raw_bson import RawBSONDocument
from pydantic import ValidationError

from workers.adapters.mongo.specs import BY_THE_SERVER, CollectionSpec
from workers.ports import D, Refused

SWAP = "_swap"
"""Which call of `swap` wrote the document: tells a lost write from one's own."""

MAX_DOCUMENT_BYTES = 16 * 1024 * 1024
"""The server's BSONObjMaxUserSize; checked here because a bulk write that meets it names no document."""


class _PlainInt(TypeDecoder):
    """The driver's Int64 would reach customers' values, which carry no type that could turn it back."""

    bson_type = Int64

    def transform_bson(self, value: Int64) -> int:
        return int(value)


CODEC_OPTIONS: CodecOptions[dict[str, Any]] = CodecOptions(type_registry=TypeRegistry([_PlainInt()]))


def document_id(team: str, id_: str) -> str:
    """Unambiguous because a team holds no ":"; raises ValueError if it does."""
    if ":" in team:
        raise ValueError(f"not a team: {team!r}")
    return f"{team}:{id_}"


class _Encoded(RawBSONDocument):
    """The driver asks a replacement whether it is empty, for which RawBSONDocument would decode it again."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return True


def encode(spec: CollectionSpec[D], document: D, swap_id: ObjectId) -> RawBSONDocument:
    """The document as it will rest, one revision on. Raises Refused naming it when MongoDB could not hold it."""
    name = document_id(document.team, spec.id_of(document))
    stored = {
        "_id": name,
        **document.model_dump(),
        "rev": document.rev + 1,
        SWAP: swap_id,
        **spec.marks(document),
        **(BY_THE_SERVER if spec.dated else {}),
    }
    try:
        encoded = bson.encode(stored, check_keys=True)
    except (InvalidDocument, OverflowError, UnicodeEncodeError):
        # The library's text may quote the value, which may be personal.
        raise Refused(f"{spec.name} {name} cannot be stored: {_problem(stored) or 'not BSON'}") from None
    if len(encoded) > MAX_DOCUMENT_BYTES:
        raise Refused(f"{spec.name} {name} cannot be stored: {len(encoded)} bytes, MongoDB takes {MAX_DOCUMENT_BYTES}")
    return _Encoded(encoded)


def decode(spec: CollectionSpec[D], stored: Mapping[str, Any]) -> D:
    """Raises Refused naming the document when it does not fit the model, e.g. after a downgrade."""
    fields = dict(stored)
    for name in [name for name in stored if name[0] == "_"]:  # a third of the cost of asking each by a method
        del fields[name]
    try:
        return spec.model.model_validate(fields)
    except ValidationError as error:
        # Never the values: they may be personal.
        where = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['type']}" for e in error.errors(include_input=False))
        raise Refused(
            f"{spec.name} {stored['_id']} was not written by this version ({where}): upgrade, or repair the document"
        ) from None


def _problem(value: object, path: str = "") -> str | None:
    """The first key or value that BSON cannot hold, without quoting values."""
    if isinstance(value, Mapping):
        return next((p for key, inner in value.items() if (p := _entry_problem(key, inner, path))), None)
    if isinstance(value, list | tuple):
        return next((p for inner in value if (p := _problem(inner, path))), None)
    try:
        bson.encode({"": value})
    except (InvalidDocument, OverflowError, UnicodeEncodeError) as error:
        return f"{path} holds a {type(value).__name__} that is not BSON ({type(error).__name__})"
    return None


def _entry_problem(key: object, value: object, path: str) -> str | None:
    inner = f"{path}.{key}" if path else str(key)
    if not isinstance(key, str):
        return f"{inner} is not a text key"
    if key.startswith("$") or "." in key or "\0" in key:
        return f'the key {key!r} in {path or "it"} begins with "$" or holds "." or NUL'
    return _problem(value, inner)
