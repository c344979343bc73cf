"""The standard objects of a Developer Edition org, in describe order.

One token per field, ``Name:type``; types are ``s`` string, ``ta`` text area, ``pl`` picklist, ``em`` e-mail,
``ph`` phone, ``url``, ``addr`` compound address, ``dbl``/``cur``/``pct`` number with precision and scale, ``int``,
``b`` checkbox, ``d`` date, ``dt`` date-time, ``id`` and ``>Type`` or ``>Type,Type`` reference; a number is the length.
Suffixes: ``-`` neither createable nor updateable, ``c`` createable only, ``!`` required, ``~`` not filterable.
``@Prefix`` stands for the nine parts of an address, ``@System`` for the audit fields.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache

from sandbox.org.metadata import setup_fields
from sandbox.org.metadata.objects import Catalogue, FieldType, ObjectType

_SYSTEM = (
    "CreatedDate:dt- CreatedById:>User- LastModifiedDate:dt- LastModifiedById:>User- "
    "SystemModstamp:dt- LastActivityDate:d-"
)
_ADDRESS = (
    "Street:ta255 City:s40 State:s80 PostalCode:s20 Country:s80 "
    "Latitude:dbl18,15 Longitude:dbl18,15 GeocodeAccuracy:pl40 Address:addr-"
)

_CONTACT = """
Id:id- IsDeleted:b- MasterRecordId:>Contact- AccountId:>Account LastName:s80! FirstName:s40 Salutation:pl40
Name:s121- @Other @Mailing Phone:ph40 Fax:ph40 MobilePhone:ph40 HomePhone:ph40 OtherPhone:ph40 AssistantPhone:ph40
ReportsToId:>Contact Email:em80 Title:s128 Department:s80 AssistantName:s40 LeadSource:pl255 Birthdate:d
Description:ta32000~ OwnerId:>User @System LastCURequestDate:dt- LastCUUpdateDate:dt- LastViewedDate:dt-
LastReferencedDate:dt- EmailBouncedReason:s255 EmailBouncedDate:dt IsEmailBounced:b- PhotoUrl:url255-
HasOptedOutOfEmail:b DoNotCall:b Jigsaw:s20 JigsawContactId:s20- CleanStatus:pl40 Level__c:pl255 Languages__c:s100
Engagement_Score__c:dbl18,2 Last_Engagement_Date__c:d
"""
_LEAD = """
Id:id- IsDeleted:b- MasterRecordId:>Lead- LastName:s80! FirstName:s40 Salutation:pl40 Name:s121- Title:s128
Company:s255! @ Phone:ph40 MobilePhone:ph40 Fax:ph40 Email:em80 Website:url255 PhotoUrl:url255- Description:ta32000~
LeadSource:pl255 Status:pl255! Industry:pl255 Rating:pl255 AnnualRevenue:cur18,0 NumberOfEmployees:int
OwnerId:>Group,User HasOptedOutOfEmail:b DoNotCall:b IsConverted:bc ConvertedDate:d- ConvertedAccountId:>Account-
ConvertedContactId:>Contact- ConvertedOpportunityId:>Opportunity- IsUnreadByOwner:b @System LastViewedDate:dt-
LastReferencedDate:dt- Jigsaw:s20 JigsawContactId:s20- CleanStatus:pl40 CompanyDunsNumber:s9 EmailBouncedReason:s255
EmailBouncedDate:dt SICCode__c:s15 ProductInterest__c:pl255 Primary__c:pl255 CurrentGenerators__c:s100
NumberofLocations__c:dbl3,0 Engagement_Score__c:dbl18,2 Last_Engagement_Date__c:d
"""
_ACCOUNT = """
Id:id- IsDeleted:b- MasterRecordId:>Account- Name:s255! Type:pl255 ParentId:>Account @Billing @Shipping Phone:ph40
Fax:ph40 AccountNumber:s40 Website:url255 PhotoUrl:url255- Sic:s20 Industry:pl255 AnnualRevenue:cur18,0
NumberOfEmployees:int Ownership:pl255 TickerSymbol:s20 Description:ta32000~ Rating:pl255 Site:s80 OwnerId:>User
@System LastViewedDate:dt- LastReferencedDate:dt- Jigsaw:s20 JigsawCompanyId:s20- CleanStatus:pl40 AccountSource:pl255
DunsNumber:s9 Tradestyle:s255 NaicsCode:s8 NaicsDesc:s120 YearStarted:s4 SicDesc:s80 CustomerPriority__c:pl255
SLA__c:pl255 Active__c:pl255 NumberofLocations__c:dbl3,0 UpsellOpportunity__c:pl255 SLASerialNumber__c:s10
SLAExpirationDate__c:d Engagement_Score__c:dbl18,2 Last_Engagement_Date__c:d
"""
_ORGANIZATION = """
Id:id- Name:s80 Country:s80 PrimaryContact:s80 OrganizationType:pl40- InstanceName:s5- IsSandbox:b- NamespacePrefix:s15-
TrialExpirationDate:dt- LanguageLocaleKey:pl40 TimeZoneSidKey:pl40 DefaultLocaleSidKey:pl40 FiscalYearStartMonth:int-
CreatedDate:dt- LastModifiedDate:dt- SystemModstamp:dt-
"""
_OPPORTUNITY = """
Id:id- IsDeleted:b- AccountId:>Account RecordTypeId:>RecordType Name:s120! Description:ta32000~ StageName:pl255!
Amount:cur18,2 Probability:pct3,0 ExpectedRevenue:cur18,2- TotalOpportunityQuantity:dbl18,2 CloseDate:d! Type:pl255
NextStep:s255 LeadSource:pl255 IsClosed:b- IsWon:b- ForecastCategory:pl40- ForecastCategoryName:pl255
CampaignId:>Campaign HasOpportunityLineItem:b- OwnerId:>User @System FiscalQuarter:int- FiscalYear:int- Fiscal:s6-
ContactId:>Contactc LastViewedDate:dt- LastReferencedDate:dt-
"""
_CAMPAIGN = """
Id:id- IsDeleted:b- Name:s80! ParentId:>Campaign Type:pl255 RecordTypeId:>RecordType Status:pl255 StartDate:d EndDate:d
ExpectedRevenue:cur18,0 BudgetedCost:cur18,0 ActualCost:cur18,0 ExpectedResponse:pct10,2 NumberSent:dbl18,0 IsActive:b
Description:ta32000~ NumberOfLeads:int- NumberOfConvertedLeads:int- NumberOfContacts:int- NumberOfResponses:int-
NumberOfOpportunities:int- OwnerId:>User @System LastViewedDate:dt- LastReferencedDate:dt-
"""
_CAMPAIGN_MEMBER = """
Id:id- IsDeleted:b- CampaignId:>Campaignc! LeadId:>Leadc ContactId:>Contactc Status:pl40 HasResponded:b-
CreatedDate:dt- CreatedById:>User- LastModifiedDate:dt- LastModifiedById:>User- SystemModstamp:dt-
FirstRespondedDate:d- Salutation:pl40- Name:s255- FirstName:s40- LastName:s80- Title:s128- LeadSource:pl255-
LeadOrContactId:>Contact,Lead- LeadOrContactOwnerId:>Group,User-
"""
_GROUP = """
Id:id- Name:s40! DeveloperName:s80 RelatedId:>User,UserRole- Type:pl40! Email:em80 OwnerId:>User-
DoesSendEmailToMembers:b DoesIncludeBosses:b CreatedDate:dt- CreatedById:>User- LastModifiedDate:dt-
LastModifiedById:>User- SystemModstamp:dt-
"""
_RECORD_TYPE = """
Id:id- Name:s80! DeveloperName:s80! NamespacePrefix:s15- Description:s255 BusinessProcessId:>User- SobjectType:pl40c!
IsActive:b CreatedById:>User- CreatedDate:dt- LastModifiedById:>User- LastModifiedDate:dt- SystemModstamp:dt-
"""

_LEAD_SCOPES = ("everything", "mine", "queue_owned", "scopingRule", "team", "user_owned")
_SOURCES = ("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other")
_INDUSTRIES = (
    "Agriculture", "Apparel", "Banking", "Biotechnology", "Chemicals", "Communications", "Construction",
    "Consulting", "Education", "Electronics", "Energy", "Engineering", "Entertainment", "Environmental", "Finance",
    "Food & Beverage", "Government", "Healthcare", "Hospitality", "Insurance", "Machinery", "Manufacturing",
    "Media", "Not For Profit", "Recreation", "Retail", "Shipping", "Technology", "Telecommunications",
    "Transportation", "Utilities", "Other",
)  # fmt: skip
PICKLISTS: dict[str, tuple[str, ...]] = {
    "Salutation": ("Mr.", "Ms.", "Mrs.", "Dr.", "Prof.", "Mx."),
    "LeadSource": _SOURCES,
    "AccountSource": _SOURCES,
    "Status": ("Open - Not Contacted", "Working - Contacted", "Closed - Converted", "Closed - Not Converted"),
    "Rating": ("Hot", "Warm", "Cold"),
    "Type": (
        "Prospect", "Customer - Direct", "Customer - Channel", "Channel Partner / Reseller", "Installation Partner",
        "Technology Partner", "Other",
    ),
    "Ownership": ("Public", "Private", "Subsidiary", "Other"),
    "Industry": _INDUSTRIES,
    "CleanStatus": (
        "Matched", "Different", "Acknowledged", "NotFound", "Inactive", "Pending", "SelectMatch", "Skipped",
    ),
    "GeocodeAccuracy": (
        "Address", "NearAddress", "Block", "Street", "ExtendedZip", "Zip", "Neighborhood", "City", "County", "State",
        "Unknown",
    ),
    "Level__c": ("Secondary", "Tertiary", "Primary"),
    "ProductInterest__c": ("GC1000 series", "GC5000 series", "GC3000 series"),
    "Primary__c": ("No", "Yes"),
    "StageName": (
        "Prospecting", "Qualification", "Needs Analysis", "Value Proposition", "Id. Decision Makers",
        "Perception Analysis", "Proposal/Price Quote", "Negotiation/Review", "Closed Won", "Closed Lost",
    ),
    "ForecastCategoryName": ("Omitted", "Pipeline", "Best Case", "Commit", "Closed"),
    "CustomerPriority__c": ("High", "Low", "Medium"),
    "SLA__c": ("Gold", "Silver", "Platinum", "Bronze"),
    "Active__c": ("No", "Yes"),
    "UpsellOpportunity__c": ("Maybe", "No", "Yes"),
}  # fmt: skip
# Fields of one name with other values on another object.
_OWN_PICKLISTS: dict[tuple[str, str], tuple[str, ...]] = {
    ("Opportunity", "Type"): (
        "Existing Customer - Upgrade", "Existing Customer - Replacement", "Existing Customer - Downgrade",
        "New Customer",
    ),
    ("Campaign", "Type"): (
        "Conference", "Webinar", "Trade Show", "Public Relations", "Partners", "Referral Program", "Advertisement",
        "Banner Ads", "Direct Mail", "Email", "Telemarketing", "Other",
    ),
    ("Campaign", "Status"): ("Planned", "In Progress", "Completed", "Aborted"),
    ("CampaignMember", "Status"): ("Sent", "Responded"),
    ("Group", "Type"): ("Regular", "Role", "RoleAndSubordinates", "Organization", "Queue"),
    ("RecordType", "SobjectType"): ("Account", "Contact", "Lead", "Opportunity", "Campaign"),
}  # fmt: skip
_OWN_DEFAULTS: dict[tuple[str, str], object] = {
    ("Campaign", "Status"): "Planned",
    ("CampaignMember", "Status"): "Sent",
}
_RESTRICTED = frozenset({"GeocodeAccuracy", "CleanStatus"})
_DEFAULTS: dict[str, object] = {"Status": "Open - Not Contacted", "CleanStatus": "Pending", "IsUnreadByOwner": True}

# Describe of the *ChangeEvent objects: bookkeeping and values derived from other records are missing there.
_NOT_IN_EVENTS = frozenset({
    "IsDeleted", "MasterRecordId", "SystemModstamp", "LastActivityDate", "LastViewedDate", "LastReferencedDate",
    "PhotoUrl", "IsEmailBounced", "CleanStatus",
})  # fmt: skip
_NAME_PARTS = frozenset({"Salutation", "FirstName", "LastName"})

_LABELS = {
    ("Contact", "Phone"): "Business Phone",
    ("Contact", "Fax"): "Business Fax",
    ("Contact", "Name"): "Full Name",
    ("Contact", "Description"): "Contact Description",
    ("Lead", "Name"): "Full Name",
    ("Account", "Name"): "Account Name",
    ("Account", "Type"): "Account Type",
    ("Account", "Phone"): "Account Phone",
    ("Account", "Fax"): "Account Fax",
    ("Account", "Description"): "Account Description",
    ("Account", "Rating"): "Account Rating",
    ("Account", "Site"): "Account Site",
    ("Account", "NumberOfEmployees"): "Employees",
    ("Account", "ParentId"): "Parent Account ID",
    ("Lead", "NumberOfEmployees"): "Employees",
    ("User", "Name"): "Full Name",
    ("User", "IsActive"): "Active",
}
_UNIQUE = frozenset({("User", "Username"), ("PermissionSet", "Name")})
_CHILDREN = {
    ("PermissionSet", "ProfileId"): "PermissionSets",
    ("PermissionSetAssignment", "PermissionSetId"): "Assignments",
    ("PermissionSetAssignment", "AssigneeId"): "PermissionSetAssignments",
    ("ObjectPermissions", "ParentId"): "ObjectPerms",
    ("FieldPermissions", "ParentId"): "FieldPerms",
    ("GroupMember", "GroupId"): "GroupMembers",
    ("User", "ProfileId"): "Users",
    ("Account", "ParentId"): "ChildAccounts",
    ("Contact", "AccountId"): "Contacts",
    ("Opportunity", "AccountId"): "Opportunities",
    ("Opportunity", "CampaignId"): "Opportunities",
    ("Campaign", "ParentId"): "ChildCampaigns",
    ("CampaignMember", "CampaignId"): "CampaignMembers",
    ("CampaignMember", "LeadId"): "CampaignMembers",
    ("CampaignMember", "ContactId"): "CampaignMembers",
}
_CODES = {
    "s": "string", "ta": "textarea", "pl": "picklist", "em": "email", "ph": "phone", "url": "url", "addr": "address",
    "dbl": "double", "cur": "currency", "pct": "percent", "int": "int", "b": "boolean", "d": "date", "dt": "datetime",
    "id": "id",
}  # fmt: skip
_TOKEN = re.compile(
    r"(?P<name>\w+):(?:>(?P<target>[\w,]+?)|(?P<code>[a-z]+?)(?P<size>\d+(?:,\d+)?)?)(?P<flags>[-c!~]*)"
)
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|_")


def standard_catalogue() -> Catalogue:
    """The object types that a new org starts with; orgs share them, and replace those that they change."""
    return Catalogue({one.name: one for one in _standard_types()})


@lru_cache(maxsize=1)
def _standard_types() -> tuple[ObjectType, ...]:
    return (
        _object("Account", "Account", "Accounts", "001", _ACCOUNT),
        _object("Contact", "Contact", "Contacts", "003", _CONTACT, cascade_from=(("Account", "AccountId"),)),
        _object("Lead", "Lead", "Leads", "00Q", _LEAD, scopes=_LEAD_SCOPES),
        _object(
            "Opportunity", "Opportunity", "Opportunities", "006", _OPPORTUNITY,
            cascade_from=(("Account", "AccountId"),),
        ),
        _object("Campaign", "Campaign", "Campaigns", "701", _CAMPAIGN),
        _object(
            "CampaignMember", "Campaign Member", "Campaign Members", "00v", _CAMPAIGN_MEMBER, scopes=("everything",),
            cascade_from=(("Campaign", "CampaignId"), ("Lead", "LeadId"), ("Contact", "ContactId")),
        ),
        _object("Group", "Group", "Group", "00G", _GROUP, scopes=("everything",)),
        _object("RecordType", "Record Type", "Record Types", "012", _RECORD_TYPE, scopes=("everything",)),
        *_setup_objects(),
        *map(_share, setup_fields.SHARES),
        _object("Organization", "Organization", "Organizations", "00D", _ORGANIZATION, scopes=(), writable=False),
    )  # fmt: skip


def _share(name: str) -> ObjectType:
    """AccountShare and the like."""
    return _object(
        f"{name}Share", f"{name} Share", f"{name} Share", setup_fields.SHARES[name], setup_fields.SHARE.format(name),
        scopes=("everything",), cascade_from=((name, f"{name}Id"),),
    )  # fmt: skip


def _setup_objects() -> list[ObjectType]:
    """Who may do what. Users cannot be deleted, only deactivated."""
    every = ("everything",)
    user = _object("User", "User", "Users", "005", setup_fields.USER, scopes=every)
    return [
        replace(user, deletable=False),
        _object("UserRole", "Role", "Roles", "00E", setup_fields.USER_ROLE, scopes=every),
        _object("Profile", "Profile", "Profiles", "00e", setup_fields.PROFILE, scopes=every, writable=False),
        _object("PermissionSet", "Permission Set", "Permission Sets", "0PS", setup_fields.PERMISSION_SET, scopes=every),
        _object(
            "PermissionSetAssignment", "Permission Set Assignment", "Permission Set Assignments", "0Pa",
            setup_fields.PERMISSION_SET_ASSIGNMENT, scopes=every, cascade_from=(("PermissionSet", "PermissionSetId"),),
        ),
        _object(
            "ObjectPermissions", "Object Permissions", "Object Permissions", "110", setup_fields.OBJECT_PERMISSIONS,
            scopes=every, cascade_from=(("PermissionSet", "ParentId"),),
        ),
        _object(
            "FieldPermissions", "Field Permissions", "Field Permissions", "01k", setup_fields.FIELD_PERMISSIONS,
            scopes=every, cascade_from=(("PermissionSet", "ParentId"),),
        ),
        _object(
            "GroupMember", "Group Member", "Group Members", "011", setup_fields.GROUP_MEMBER, scopes=every,
            cascade_from=(("Group", "GroupId"),),
        ),
        _object("ListView", "List View", "List Views", "00B", setup_fields.LIST_VIEW, scopes=every, writable=False),
        _object(
            "RecentlyViewed", "Recently Viewed", "Recently Viewed", "", setup_fields.RECENTLY_VIEWED, scopes=every,
            writable=False,
        ),
    ]  # fmt: skip


def _object(
    name: str,
    label: str,
    plural: str,
    prefix: str,
    spec: str,
    *,
    scopes: tuple[str, ...] = ("everything", "mine", "scopingRule", "team"),
    cascade_from: tuple[tuple[str, str], ...] = (),
    writable: bool = True,
) -> ObjectType:
    tokens = spec.replace("@System", _SYSTEM).split()
    fields = tuple(one for token in tokens for one in _expand(name, token))
    return ObjectType(
        name, label, plural, prefix, fields, scopes, cascade_from,
        createable=writable, updateable=writable, deletable=writable,
    )  # fmt: skip


def _expand(object_name: str, token: str) -> list[FieldType]:
    if not token.startswith("@"):
        return [_field(object_name, token)]
    prefix = token[1:]
    return [_field(object_name, prefix + part, compound=f"{prefix}Address") for part in _ADDRESS.split()]


def _field(object_name: str, token: str, compound: str | None = None) -> FieldType:
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise ValueError(f"not a field token: {token}")
    name, target, flags = match["name"], match["target"], match["flags"]
    kind = "reference" if target else _CODES[match["code"]]
    size = [int(number) for number in (match["size"] or "0").split(",")]
    numeric = kind in {"double", "currency", "percent"}
    part_of, component = _compound(object_name, name, kind, compound)
    return FieldType(
        name=name,
        type=kind,
        label=_LABELS.get((object_name, name)) or _label(name, kind),
        length=18 if kind in {"id", "reference"} else 0 if numeric else size[0],
        precision=size[0] if numeric else 0,
        scale=size[1] if numeric else 0,
        required="!" in flags,
        createable="-" not in flags,
        updateable="-" not in flags and "c" not in flags,
        filterable="~" not in flags,
        custom=name.endswith("__c"),
        default=_default(object_name, name, kind),
        unique=(object_name, name) in _UNIQUE,
        picklist=_picklist(object_name, component or name) if kind == "picklist" else (),
        restricted_picklist=(component or name) in _RESTRICTED,
        reference_to=tuple(target.split(",")) if target else (),
        relationship_name=name.removesuffix("Id") if target else None,
        child_relationship=_CHILDREN.get((object_name, name)),
        compound=part_of,
        component=component,
        in_events=name not in _NOT_IN_EVENTS and not _is_derived_name(object_name, name),
    )


def _default(object_name: str, name: str, kind: str) -> object:
    if (object_name, name) in _OWN_DEFAULTS:
        return _OWN_DEFAULTS[object_name, name]
    if name == "Status" and object_name != "Lead":
        return None
    return _DEFAULTS.get(name, False if kind == "boolean" else None)


def _picklist(object_name: str, name: str) -> tuple[str, ...]:
    return _OWN_PICKLISTS.get((object_name, name)) or PICKLISTS.get(name, ())


def _compound(object_name: str, name: str, kind: str, address: str | None) -> tuple[str | None, str | None]:
    if address and kind != "address":
        return address, name.removeprefix(address.removesuffix("Address"))
    if name in _NAME_PARTS and object_name not in {"User", "CampaignMember"}:
        return "Name", name
    return None, None


def _is_derived_name(object_name: str, name: str) -> bool:
    """The Name of a person is put together from its parts; events carry the parts."""
    return name == "Name" and object_name in {"Contact", "Lead", "User", "CampaignMember"}


def _label(name: str, kind: str) -> str:
    if kind == "id":
        return "Record ID"
    words = _WORD.sub(" ", name.removesuffix("__c"))
    return words.removesuffix(" Id") + " ID" if kind == "reference" else words
