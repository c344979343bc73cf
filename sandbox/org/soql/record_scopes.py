"""`USING SCOPE`: which records a query looks at, before its conditions."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sandbox.org.soql.errors import SoqlError
from sandbox.org.soql.schema import Binder, RecordSource, Row

#: Those that every object takes; describe lists the others.
_ALWAYS = frozenset({"everything", "mru"})
# Record ids of queues and other groups start so.
_GROUP_PREFIX = "00G"


def scope_test(binder: Binder) -> Callable[[Row], bool] | None:
    """The test of the query's scope; None when it takes all records.

    Raises:
        SoqlError: MALFORMED_QUERY for a scope that the object does not have.
    """
    scope, object_type, user_id = binder.query.scope, binder.object_type, binder.user_id
    if scope not in _ALWAYS and scope not in map(str.lower, object_type.scopes):
        message = f"Invalid scope for sObject type '{object_type.name}': {scope}"
        raise SoqlError("MALFORMED_QUERY", message)
    if scope == "mru":
        source = binder.source
        return lambda row: source.viewed_at(object_type.name, str(row["Id"])) is not None
    # Without scoping rules in the org their scope hides nothing.
    return None if scope in {"everything", "scopingrule"} else _by_owner(_owner_test(binder.source, scope, user_id))


def _by_owner(test: Callable[[str], bool]) -> Callable[[Row], bool]:
    return lambda row: test(str(row.get("OwnerId")))


def _owner_test(source: RecordSource, scope: str, user_id: str) -> Callable[[str], bool]:
    if scope == "queue_owned":
        return lambda owner: owner.startswith(_GROUP_PREFIX)
    if scope == "user_owned":
        return lambda owner: not owner.startswith(_GROUP_PREFIX)
    if scope == "team":
        team = {user_id, *_below(user_id, source)}
        return lambda owner: owner in team
    if scope == "mine_and_my_groups":
        mine = {user_id, *_groups_of(user_id, source.rows("GroupMember"))}
        return lambda owner: owner in mine
    return lambda owner: owner == user_id


def _below(user_id: str, source: RecordSource) -> set[str]:
    """Users in roles below the user's own, and users whose manager the user is, at any distance."""
    users = [(str(row["Id"]), str(row.get("ManagerId")), str(row.get("UserRoleId"))) for row in source.rows("User")]
    roles = [(str(row["Id"]), str(row.get("ParentRoleId"))) for row in source.rows("UserRole")]
    own_roles = {role for one, _manager, role in users if one == user_id}
    lower_roles = _descendants(own_roles, roles)
    managed = _descendants({user_id}, [(one, manager) for one, manager, _role in users])
    return managed | {one for one, _manager, role in users if role in lower_roles}


def _descendants(tops: set[str], parents: Iterable[tuple[str, str]]) -> set[str]:
    """All below, from pairs of child and parent."""
    pairs, found = list(parents), set[str]()
    level = tops
    while level:
        level = {child for child, parent in pairs if parent in level} - found
        found |= level
    return found


def _groups_of(member_id: str, memberships: Iterable[Row]) -> set[str]:
    pairs = [(str(row["GroupId"]), str(row["UserOrGroupId"])) for row in memberships]
    return _descendants({member_id}, pairs)
