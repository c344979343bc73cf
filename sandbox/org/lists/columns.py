"""The columns of a list view as describe and results show them, and the cells below them."""

from __future__ import annotations

from collections.abc import Iterable

from sandbox.org.metadata.objects import FieldType, ObjectType
from sandbox.org.soql.schema import Column
from sandbox.org.store.sharing import UserView
from sandbox.org.values.java_text import java_date, java_double

# Labels of the two sort directions; the pair is the wrong way round in every recording.
_TEXT_LABELS = ("Z-A", "A-Z")
_SORT_LABELS: dict[str, tuple[str | None, str | None]] = {
    "id": (None, None),
    "reference": (None, None),
    "phone": ("9-0", "0-9"),
    "picklist": ("Low to High", "High to Low"),
}
_UNSORTABLE = frozenset({"id", "reference"})


def readable(view: UserView, object_type: ObjectType, paths: Iterable[str]) -> tuple[str, ...]:
    """The paths whose fields the user may see."""
    return tuple(path for path in paths if _is_readable(view, object_type, path.split(".")))


def _is_readable(view: UserView, object_type: ObjectType, names: list[str]) -> bool:
    if len(names) == 1:
        return object_type.find(names[0]) is not None
    reference = next((one for one in object_type.references if one.relationship_name == names[0]), None)
    parents = (view.find_object(one) for one in reference.reference_to) if reference else ()
    return any(parent is not None and _is_readable(view, parent, names[1:]) for parent in parents)


def describe_columns(columns: Iterable[Column], shown: int) -> list[dict[str, object]]:
    """The first `shown` columns are visible, the others hidden."""
    return [_describe_column(one, hidden=index >= shown, first=index == 0) for index, one in enumerate(columns)]


def _describe_column(column: Column, *, hidden: bool, first: bool) -> dict[str, object]:
    ascending, descending = _SORT_LABELS.get(column.field.type, _TEXT_LABELS)
    return {
        "ascendingLabel": ascending,
        "descendingLabel": descending,
        "fieldNameOrPath": column.text,
        "hidden": hidden,
        "label": _label(column),
        "selectListItem": _select_item(column.text, column.field),
        "sortDirection": "ascending" if first else None,
        "sortIndex": 0 if first else None,
        "sortable": column.field.type not in _UNSORTABLE,
        "type": column.field.type,
    }


def _label(column: Column) -> str:
    """`Owner.Id` is the "User ID" in recordings; other parent fields carry the parent's label."""
    if column.names[-1] == "Id" and len(column.names) > 1:
        return "User ID" if column.names[-2] == "Owner" else f"{column.names[-2]} ID"
    return " ".join((*column.names[:-1], column.field.label)) if column.names[0] == "Owner" else column.field.label


def _select_item(path: str, field_type: FieldType) -> str:
    return f"toLabel({path})" if field_type.type == "picklist" else path


def select_list(columns: Iterable[Column]) -> str:
    """The field list of the list's query."""
    return ", ".join(_select_item(column.text, column.field) for column in columns)


def cell(column: Column, row: dict[str, object]) -> str | None:
    """Cells are text or null; moments and numbers in Java's form."""
    value = column.read(row)
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if column.field.type == "datetime":
        return java_date(str(value))
    return java_double(value) if isinstance(value, float) else str(value)
