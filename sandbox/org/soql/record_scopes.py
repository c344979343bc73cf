"""`USING SCOPE`: which records a query looks at, before its conditions."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sandbox.org.soql.language.errors import SoqlError
from sandbox.org.soql.schema import Binder, RecordSource, Row
from sandbox.org.users.hierarchy import descendants, users_below

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
    users = list(source.rows("User"))
    managers = [(str(row["Id"]), str(row.get("ManagerId"))) for row in users]
    return descendants([user_id], managers) | users_below(user_id, users, source.rows("UserRole"))


def _groups_of(member_id: str, memberships: Iterable[Row]) -> set[str]:
    return descendants([member_id], [(str(row["GroupId"]), str(row["UserOrGroupId"])) for row in memberships])
