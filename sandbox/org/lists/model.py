"""A list view: what it asks for, who may see it, and the SOQL that it stands for."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.org.lists.conditions import Json, to_soql

#: The columns that a list of an object starts with.
COLUMNS: dict[str, tuple[str, ...]] = {
    "Account": ("Name", "Site", "BillingState", "Phone", "Type", "Owner.Alias"),
    "Campaign": ("Name", "StartDate", "EndDate", "Type", "Status", "IsActive", "Owner.Alias"),
    "Contact": ("Name", "Account.Name", "Title", "Phone", "Email", "Owner.Alias"),
    "Lead": ("Name", "Company", "State", "Email", "Status", "Owner.Alias"),
    "Opportunity": ("Name", "Account.Name", "Amount", "CloseDate", "StageName", "Owner.Alias"),
}
_HIDDEN = ("Id", "CreatedDate", "LastModifiedDate", "SystemModstamp")
# Scopes of lists that SOQL's USING SCOPE does not have: they become conditions.
_OWN_SCOPES = frozenset({"everything", "queue", "campaign"})
#: How a campaign's members are found from each object that can be one.
_MEMBERS = {"Contact": ("Id", "ContactId"), "Lead": ("Id", "LeadId"), "CampaignMember": ("CampaignId", "")}


@dataclass(frozen=True, slots=True)
class ListView:
    """One list view."""

    object_name: str
    label: str
    developer_name: str
    condition: Json
    scope: str = "everything"
    view_id: str = ""
    owner_id: str | None = None
    #: Users and groups who see it besides its owner; None: everybody.
    audience: frozenset[str] | None = None
    #: The queue or campaign of the scopes of that name.
    entity_id: str | None = None
    #: False for lists over more than one table, which no SOQL stands for (lists of users with login data, say).
    soql_compatible: bool = True
    #: Of leads: whether converted ones stay in the list.
    shows_converted: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        return COLUMNS[self.object_name]

    @property
    def hidden_columns(self) -> tuple[str, ...]:
        """Bookkeeping, and two per lookup that the columns traverse: `Owner.Id`, `OwnerId`."""
        lookups = dict.fromkeys(path.split(".")[0] for path in self.columns if "." in path)
        return (*_HIDDEN, *(name for lookup in lookups for name in (f"{lookup}.Id", f"{lookup}Id")))

    def visible_to(self, identities: frozenset[str]) -> bool:
        """Whether somebody who is one of these users and groups may see the list."""
        return self.audience is None or self.owner_id in identities or not self.audience.isdisjoint(identities)

    def query(self, select: str) -> str:
        """The list as SOQL, with `select` as its field list. Raises ConditionError."""
        clauses = (
            ("SELECT", select),
            ("FROM", self.object_name),
            ("USING SCOPE", "" if self.scope in _OWN_SCOPES else self.scope),
            ("WHERE", self._where()),
            ("ORDER BY", self.order),
        )
        return " ".join(f"{keyword} {body}" for keyword, body in clauses if body)

    def _where(self) -> str:
        asked = to_soql(self.condition)
        implied = [self._within()] if self.scope in {"queue", "campaign"} else []
        if self.object_name == "Lead" and not self.shows_converted:
            implied.append("IsConverted = false")
        return " AND ".join([*implied, f"({asked})" if asked and implied else asked] if asked else implied)

    def _within(self) -> str:
        if self.scope == "queue":
            return f"OwnerId = '{self.entity_id}'"
        field, member = _MEMBERS[self.object_name]
        if not member:
            return f"{field} = '{self.entity_id}'"
        members = f"SELECT {member} FROM CampaignMember WHERE CampaignId = '{self.entity_id}'"  # noqa: S608 (SOQL)
        return f"{field} IN ({members})"

    @property
    def order(self) -> str:
        return f"{self.columns[0]} ASC NULLS FIRST, Id ASC NULLS FIRST"
