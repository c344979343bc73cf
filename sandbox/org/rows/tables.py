"""How an org keeps its records.

A dict per record takes 1.2 KB beside its values and a million of them do not fit where they should; here each is one
tuple of its values, followed by the names of its fields, which are shared by all records with the same fields.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, MutableMapping, Sequence
from itertools import islice
from typing import Any, TypeVar, cast, overload

from sandbox.org.rows.writes import Row

#: Values, and behind them the tuple of their names.
_Packed = tuple[Any, ...]
#: Records by value in lower case, in the order in which they got it.
_Index = dict[str, dict[str, None]]
_Key = TypeVar("_Key", bound=Hashable)


class Snapshot(Sequence[Row]):
    """Rows as they were at one moment; each is unpacked when it is looked at."""

    __slots__ = ("_packed",)

    def __init__(self, packed: list[_Packed]) -> None:
        self._packed = packed

    @classmethod
    def of(cls, rows: Iterable[Row]) -> Snapshot:
        shapes: dict[tuple[str, ...], tuple[str, ...]] = {}
        return cls([_packed(row, shapes.setdefault(names := tuple(row), names)) for row in rows])

    def __len__(self) -> int:
        return len(self._packed)

    def __iter__(self) -> Iterator[Row]:
        return map(_unpacked, self._packed)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Snapshot: ...
    def __getitem__(self, index: int | slice) -> Row | Snapshot:
        return Snapshot(self._packed[index]) if isinstance(index, slice) else _unpacked(self._packed[index])

    def __add__(self, other: Snapshot) -> Snapshot:
        return Snapshot(self._packed + other._packed)

    def where(self, matches: Callable[[Row], bool], at_most: int | None = None) -> Snapshot:
        """Those that match, in the same order; when enough are found, it looks no further."""
        return Snapshot(list(islice((one for one in self._packed if matches(_unpacked(one))), at_most)))

    def grouped(self, key: Callable[[Row], _Key]) -> dict[_Key, Snapshot]:
        """Those with equal keys together, in the same order."""
        groups: dict[_Key, list[_Packed]] = {}
        for packed in self._packed:
            groups.setdefault(key(_unpacked(packed)), []).append(packed)
        return {value: Snapshot(group) for value, group in groups.items()}

    def sorted(self, key: Callable[[Row], Any], *, reverse: bool) -> Snapshot:
        """In another order; rows with equal keys stay as they are."""
        return Snapshot(sorted(self._packed, key=lambda packed: key(_unpacked(packed)), reverse=reverse))


class Rows(MutableMapping[str, Row]):
    """Rows by record id, in the order in which they came. What is handed out is the caller's own."""

    __slots__ = ("_indexes", "_packed", "_shapes")

    def __init__(self) -> None:
        self._packed: dict[str, _Packed] = {}
        self._shapes: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._indexes: dict[str, _Index] = {}

    def __len__(self) -> int:
        return len(self._packed)

    def __iter__(self) -> Iterator[str]:
        return iter(self._packed)

    def __contains__(self, record_id: object) -> bool:
        return record_id in self._packed

    def __getitem__(self, record_id: str) -> Row:
        return _unpacked(self._packed[record_id])

    def __setitem__(self, record_id: str, row: Row) -> None:
        if self._indexes:
            self._index(record_id, self.get(record_id) or {}, row)
        names = tuple(row)
        self._packed[record_id] = _packed(row, self._shapes.setdefault(names, names))

    def __delitem__(self, record_id: str) -> None:
        if self._indexes:
            self._index(record_id, self[record_id], {})
        del self._packed[record_id]

    def snapshot(self, record_ids: Iterable[str] | None = None) -> Snapshot:
        """All rows as they are now, or those of some records."""
        if record_ids is None:
            return Snapshot(list(self._packed.values()))
        return Snapshot([self._packed[record_id] for record_id in record_ids])

    def ids_with(self, field_name: str, value: object) -> list[str]:
        """The records with that value, in any letter case. The first question about a field makes its index."""
        if field_name == "Id":
            return [str(value)] if value in self._packed else []
        index = self._indexes.get(field_name)
        if index is None:
            index = self._indexes[field_name] = {}
            for record_id, row in self.items():
                if (key := _key(row.get(field_name))) is not None:
                    _enter(index, record_id, key)
        wanted = _key(value)
        return [] if wanted is None else list(index.get(wanted, ()))

    def ids_having(self, field_name: str) -> list[str]:
        """The records in which the field is not null."""
        return [record_id for record_id, row in self.items() if field_name in row]

    def _index(self, record_id: str, before: Row, after: Row) -> None:
        for name, index in self._indexes.items():
            old, new = _key(before.get(name)), _key(after.get(name))
            if old == new:
                continue
            if old is not None:
                _leave(index, record_id, old)
            if new is not None:
                _enter(index, record_id, new)


def _packed(row: Row, names: tuple[str, ...]) -> _Packed:
    return (*row.values(), names)


def _unpacked(packed: _Packed) -> Row:
    # zip stops at the end of the names, before they would be taken for a value.
    return dict(zip(cast("tuple[str, ...]", packed[-1]), packed, strict=False))


def _enter(index: _Index, record_id: str, key: str) -> None:
    index.setdefault(key, {})[record_id] = None


def _leave(index: _Index, record_id: str, key: str) -> None:
    del index[key][record_id]
    if not index[key]:
        del index[key]


def _key(value: object) -> str | None:
    return None if value is None else str(value).lower()


class Table:
    """The records of one object type: live ones, and those in the recycle bin."""

    __slots__ = ("deleted", "live")

    def __init__(self) -> None:
        self.live = Rows()
        self.deleted = Rows()
