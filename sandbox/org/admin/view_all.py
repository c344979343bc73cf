"""View All taken away from everybody: the permission tables tell the same as the refused subscriptions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sandbox.org.rows.writes import Actor, Row, Write
from sandbox.org.store.org import Org

# Whoever has one of these sees every object, whatever the rows of one object say.
_OF_ALL_OBJECTS = ("PermissionsModifyAllData", "PermissionsViewAllData")
_OF_ONE_OBJECT = ("PermissionsModifyAllRecords", "PermissionsViewAllRecords")


@dataclass(slots=True)
class ViewAll:
    org: Org
    # By object and id of a permission record, what it granted.
    _taken: dict[tuple[str, str], Row] = field(default_factory=dict)

    def take(self, object_name: str) -> None:
        """From every profile and permission set; what they grant on other objects stays."""
        self._take("PermissionSet", self.org.rows("PermissionSet"), _OF_ALL_OBJECTS)
        self._take("ObjectPermissions", self._on(object_name), _OF_ONE_OBJECT)

    def give_back(self, object_name: str, *, last: bool) -> None:
        """`last`: nothing is taken away any more."""
        ids = {str(row["Id"]) for row in self._on(object_name)}
        back = [key for key in self._taken if key[1] in ids or (last and key[0] == "PermissionSet")]
        self._write([Write("update", *key, self._taken.pop(key)) for key in back])

    def _on(self, object_name: str) -> list[Row]:
        return [row for row in self.org.rows("ObjectPermissions") if row.get("SobjectType") == object_name]

    def _take(self, of: str, rows: Iterable[Row], names: tuple[str, ...]) -> None:
        granted: dict[str, Row] = {str(row["Id"]): {name: True for name in names if row.get(name)} for row in rows}
        found = {record_id: rights for record_id, rights in granted.items() if rights}
        self._taken |= {(of, record_id): rights for record_id, rights in found.items()}
        self._write([Write("update", of, record_id, dict.fromkeys(names, False)) for record_id in found])

    def _write(self, writes: list[Write]) -> None:
        if writes:
            results = self.org.commit(writes, Actor(self.org.admin_user_id, ""))
            assert all(result.success for result in results), results
