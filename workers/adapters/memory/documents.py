"""One collection in memory behind the port `Documents`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Generic

from schemas.documents import Member, Record
from workers.ports import D, Refused


class MemoryMoments:
    """Counts the writes of a store."""

    def __init__(self) -> None:
        self.writes = 0

    async def now(self) -> int:
        return self.writes


class MemoryDocuments(Generic[D]):
    """Keeps plain copies, not the caller's objects: whoever changes a dict inside a loaded document changes only his
    own."""

    def __init__(
        self, name: str, model: type[D], id_of: Callable[[D], str], moments: MemoryMoments | None = None
    ) -> None:
        self._name = name
        self._moments = moments or MemoryMoments()
        self._written: dict[tuple[str, str], int] = {}
        self._model: type[D] = model
        self._id_of: Callable[[D], str] = id_of
        self._stored: dict[tuple[str, str], dict[str, Any]] = {}

    async def load(self, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], D]:
        return {key: self._model.model_validate(self._stored[key]) for key in keys if key in self._stored}

    async def swap(self, documents: Sequence[D]) -> list[D]:
        keys = [(document.team, self._id_of(document)) for document in documents]
        if len(set(keys)) != len(keys):
            raise ValueError(f"{self._name}: a document twice in one swap")
        rows = [self._row(key, document) for key, document in zip(keys, documents, strict=True)]
        lost = []
        for key, row, document in zip(keys, rows, documents, strict=True):
            if self._stored.get(key, {"rev": 0})["rev"] == document.rev:
                self._stored[key] = row
                self._moments.writes += 1
                self._written[key] = self._moments.writes
            else:
                lost.append(document)
        return lost

    def _row(self, key: tuple[str, str], document: D) -> dict[str, Any]:
        row = {**document.model_dump(), "rev": document.rev + 1}
        if (bad := _forbidden_key(row)) is not None:
            raise Refused(
                f'{self._name} {":".join(key)} cannot be stored: the key {bad!r} begins with "$" or holds "." or NUL'
            )
        return row

    async def scan(self, team: str, after: str = "") -> AsyncIterator[D]:
        for key in sorted(key for key in self._stored if key[0] == team and key[1] > after):
            yield self._model.model_validate(self._stored[key])

    def delete(self, team: str, id_: str) -> None:
        del self._stored[team, id_]

    def written_since(self, moment: int) -> list[D]:
        return [self._model.model_validate(self._stored[key]) for key, at in self._written.items() if at >= moment]

    def all(self, team: str | None = None) -> Iterator[D]:
        """Ascending by (team, id)."""
        for key in sorted(self._stored):
            if team in (None, key[0]):
                yield self._model.model_validate(self._stored[key])


class MemoryRecords(MemoryDocuments[Record]):
    async def note_unchanged(self, records: Sequence[Record], rule_set_version: int) -> None:
        for record in records:
            row = self._stored.get((record.team, record.record_id))
            if row is not None and row["rev"] == record.rev and row["rule_set_version"] < rule_set_version:
                row["rule_set_version"] = rule_set_version


class MemoryMembers(MemoryDocuments[Member]):
    async def note_announced(self, members: Sequence[Member]) -> list[Member]:
        missed = []
        for member in members:
            row = self._stored.get((member.team, member.key))
            if row is not None and row["rev"] == member.rev:
                row["announced"] = row["segments"]
            else:
                missed.append(member)
        return missed


def _forbidden_key(value: object) -> str | None:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key.startswith("$") or "." in key or "\0" in key:
                return str(key)
            if (bad := _forbidden_key(inner)) is not None:
                return bad
    if isinstance(value, list | tuple):
        return next((bad for inner in value if (bad := _forbidden_key(inner)) is not None), None)
    return None
