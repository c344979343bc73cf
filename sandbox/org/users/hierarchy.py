"""Who is below whom: users by their roles and managers, members by their groups."""

from __future__ import annotations

from collections.abc import Iterable

from sandbox.org.rows.writes import Row


def descendants(tops: Iterable[str], parents: Iterable[tuple[str, str]]) -> set[str]:
    """All below, at any distance, from pairs of child and parent."""
    pairs, found, level = list(parents), set[str](), set(tops)
    while level:
        level = {child for child, parent in pairs if parent in level} - found
        found |= level
    return found


def users_below(user_id: str, users: Iterable[Row], roles: Iterable[Row]) -> set[str]:
    """Users in roles below the user's own."""
    role_of = {str(row["Id"]): str(row.get("UserRoleId") or "") for row in users}
    parents = [(str(row["Id"]), str(row.get("ParentRoleId") or "")) for row in roles]
    own = role_of.get(user_id)
    lower = descendants([own], parents) if own else set[str]()
    return {one for one, role in role_of.items() if role in lower}
