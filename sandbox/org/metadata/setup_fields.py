"""The fields of the objects that say who may do what, in the tokens of ``fields``."""

from __future__ import annotations

_AUDIT = "CreatedDate:dt- CreatedById:>User- LastModifiedDate:dt- LastModifiedById:>User- SystemModstamp:dt-"
_SYSTEM_PERMISSIONS = """
PermissionsApiEnabled:b PermissionsBulkApiHardDelete:b PermissionsCustomizeApplication:b PermissionsManageUsers:b
PermissionsModifyAllData:b PermissionsPasswordNeverExpires:b PermissionsViewAllData:b PermissionsViewAllUsers:b
PermissionsViewSetup:b
"""

USER = f"""
Id:id- Username:s80! LastName:s80! FirstName:s40 Name:s121- CompanyName:s80 Title:s80 Department:s80 Email:em128!
Alias:s8! CommunityNickname:s40 IsActive:b TimeZoneSidKey:pl40! UserRoleId:>UserRole LocaleSidKey:pl40!
EmailEncodingKey:pl40! ProfileId:>Profile! UserType:pl40- LanguageLocaleKey:pl40! LastLoginDate:dt-
LastPasswordChangeDate:dt- {_AUDIT} ManagerId:>User FederationIdentifier:s512
"""
USER_ROLE = f"Id:id- Name:s80! ParentRoleId:>UserRole DeveloperName:s80 {_AUDIT}"
PROFILE = f"Id:id- Name:s255! {_SYSTEM_PERMISSIONS} UserType:pl40- {_AUDIT} Description:s255"
PERMISSION_SET = f"""
Id:id- Name:s80! Label:s80! ProfileId:>Profile- IsOwnedByProfile:b- IsCustom:b- {_SYSTEM_PERMISSIONS} Description:s255
Type:pl40- {_AUDIT}
"""
PERMISSION_SET_ASSIGNMENT = """
Id:id- PermissionSetId:>PermissionSetc! AssigneeId:>Userc! SystemModstamp:dt- IsActive:b-
"""
OBJECT_PERMISSIONS = f"""
Id:id- ParentId:>PermissionSetc! SobjectType:pl40c! PermissionsCreate:b PermissionsRead:b PermissionsEdit:b
PermissionsDelete:b PermissionsViewAllRecords:b PermissionsModifyAllRecords:b {_AUDIT}
"""
FIELD_PERMISSIONS = """
Id:id- ParentId:>PermissionSetc! SobjectType:pl40c! Field:pl255c! PermissionsEdit:b PermissionsRead:b SystemModstamp:dt-
"""
GROUP_MEMBER = "Id:id- GroupId:>Groupc! UserOrGroupId:>Group,Userc! SystemModstamp:dt-"
#: The id prefixes of the objects that share records of others.
SHARES = {"Account": "00r", "Campaign": "08s", "Contact": "03s", "Lead": "01o", "Opportunity": "00t"}
SHARE = """
Id:id- {0}Id:>{0}c! UserOrGroupId:>Group,Userc! {0}AccessLevel:pl40! RowCause:pl40c LastModifiedDate:dt-
LastModifiedById:>User- IsDeleted:b-
"""
RECENTLY_VIEWED = """
Id:id- LastName:s80- FirstName:s40- Name:s255- Type:s40- Alias:s8- IsActive:b- Email:em80- Title:s80- Phone:ph40-
RecordTypeId:>RecordType- LastViewedDate:dt- LastReferencedDate:dt-
"""
LIST_VIEW = f"""
Id:id- Name:s80- DeveloperName:s80- NamespacePrefix:s15- SobjectType:pl40- IsSoqlCompatible:b- {_AUDIT}
LastViewedDate:dt- LastReferencedDate:dt-
"""
