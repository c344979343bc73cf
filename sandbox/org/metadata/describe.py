"""The describe result of an object, key by key as recorded from a Developer Edition org."""

from __future__ import annotations

from collections.abc import Iterable

from sandbox.org.metadata.objects import FieldType, ObjectType
from sandbox.org.metadata.record_types import MASTER_ID, RecordTypes
from sandbox.org.rows.writes import Row

_Json = dict[str, object]

_SCOPE_LABELS = {
    "everything": "All {plural}", "mine": "My {plural}", "queue_owned": "Queue owned {plural}",
    "scopingRule": "Filter by scope", "team": "My team's {plural}", "user_owned": "User owned {plural}",
}  # fmt: skip
_SOAP_TYPES = {
    "id": "tns:ID", "reference": "tns:ID", "boolean": "xsd:boolean", "int": "xsd:int", "double": "xsd:double",
    "currency": "xsd:double", "percent": "xsd:double", "date": "xsd:date", "datetime": "xsd:dateTime",
    "address": "urn:address",
}  # fmt: skip

_FALSE = (
    "aiPredictionField", "autoNumber", "cascadeDelete", "caseSensitive", "dependentPicklist",
    "deprecatedAndHidden", "displayLocationInDecimal", "encrypted",
    "highScaleNumber", "htmlFormatted", "restrictedDelete",
    "searchPrefilterable", "writeRequiresMasterRead",
)  # fmt: skip
_NULL = (
    "controllerName", "defaultValueFormula", "filteredLookupInfo", "inlineHelpText", "mask",
    "maskType", "referenceTargetField", "relationshipOrder",
)  # fmt: skip


def global_entry(object_type: ObjectType, version: str) -> _Json:
    """One item of ``GET /sobjects``: 28 keys, alphabetical."""
    path = f"/services/data/v{version}/sobjects/{object_type.name}"
    writable = object_type.createable or object_type.updateable
    return {
        "activateable": False,
        "associateEntityType": None,
        "associateParentEntity": None,
        "createable": object_type.createable,
        "custom": False,
        "customSetting": False,
        "deepCloneable": False,
        "deletable": object_type.deletable,
        "deprecatedAndHidden": False,
        "feedEnabled": writable,
        "hasSubtypes": False,
        "isInterface": False,
        "isSubtype": False,
        "keyPrefix": object_type.key_prefix,
        "label": object_type.label,
        "labelPlural": object_type.label_plural,
        "layoutable": True,
        "mergeable": object_type.deletable,
        "mruEnabled": writable,
        "name": object_type.name,
        "queryable": True,
        "replicateable": True,
        "retrieveable": True,
        "searchable": writable,
        "triggerable": writable,
        "undeletable": object_type.deletable,
        "updateable": object_type.updateable,
        "urls": {
            "compactLayouts": f"{path}/describe/compactLayouts",
            "rowTemplate": f"{path}/{{ID}}",
            "approvalLayouts": f"{path}/describe/approvalLayouts",
            "listviews": f"{path}/listviews",
            "describe": f"{path}/describe",
            "quickActions": f"{path}/quickActions",
            "layouts": f"{path}/describe/layouts",
            "sobject": path,
        },
    }


def full_describe(
    object_type: ObjectType,
    version: str,
    others: Iterable[ObjectType] = (),
    record_types: RecordTypes | None = None,
) -> _Json:
    """``GET /sobjects/X/describe``: the global entry and 17 keys more; children are looked for among ``others``."""
    more: _Json = {
        "actionOverrides": [],
        "childRelationships": [
            _child_relationship(object_type, child, field)
            for child in others
            for field in child.references
            if object_type.name in field.reference_to
        ],
        "compactLayoutable": True,
        "defaultImplementation": None,
        "extendedBy": None,
        "extendsInterfaces": None,
        "fields": [describe_field(object_type, field) for field in object_type.fields],
        "implementedBy": None,
        "implementsInterfaces": None,
        "listviewable": None,
        "lookupLayoutable": None,
        "namedLayoutInfos": [],
        "networkScopeFieldName": None,
        "recordTypeInfos": _record_types(object_type, version, record_types or RecordTypes()),
        "searchLayoutable": True,
        "sobjectDescribeOption": "FULL",
        "supportedScopes": [_scope(object_type, name) for name in object_type.scopes],
    }
    return dict(sorted((global_entry(object_type, version) | more).items()))


def _child_relationship(parent: ObjectType, child: ObjectType, field: FieldType) -> _Json:
    return {
        "cascadeDelete": (parent.name, field.name) in child.cascade_from,
        "childSObject": child.name,
        "deprecatedAndHidden": False,
        "field": field.name,
        "junctionIdListNames": [],
        "junctionReferenceTo": [],
        "relationshipName": field.child_relationship,
        "restrictedDelete": False,
    }


def _scope(object_type: ObjectType, name: str) -> _Json:
    return {"label": _SCOPE_LABELS[name].format(plural=object_type.label_plural.lower()), "name": name}


def _record_types(object_type: ObjectType, version: str, record_types: RecordTypes) -> list[_Json]:
    """The object's own, then Master, which is the default where there are no others."""
    own = [
        _record_type(object_type, version, row, default=record_types.is_default(row))
        for row in record_types.of(object_type.name)
    ]
    master: Row = {"Id": MASTER_ID, "DeveloperName": "Master", "Name": "Master", "IsActive": True}
    is_default = record_types.default(object_type.name) is None
    return [*own, _record_type(object_type, version, master, default=is_default)]


def _record_type(object_type: ObjectType, version: str, row: Row, *, default: bool) -> _Json:
    layout = f"/services/data/v{version}/sobjects/{object_type.name}/describe/layouts/{row['Id']}"
    return {
        "active": bool(row.get("IsActive")),
        "available": bool(row.get("IsActive")),
        "defaultRecordTypeMapping": default,
        "developerName": row["DeveloperName"],
        "master": row["Id"] == MASTER_ID,
        "name": row["Name"],
        "recordTypeId": row["Id"],
        "urls": {"layout": layout},
    }


def describe_field(object_type: ObjectType, field: FieldType) -> _Json:
    """One item of ``fields``: 57 keys, alphabetical."""
    entry: _Json = dict.fromkeys(_FALSE, False) | dict.fromkeys(_NULL, None)
    entry |= {
        "byteLength": field.length if field.type in {"id", "reference"} else field.length * 3,
        "calculated": bool(field.formula) or field.summary,
        "calculatedFormula": field.formula or None,
        "compoundFieldName": field.compound,
        "createable": field.createable,
        "custom": field.custom,
        "defaultValue": field.default,
        "defaultedOnCreate": field.default is not None or field.type == "id" or field.name == "OwnerId",
        "digits": 8 if field.type == "int" else 0,
        "externalId": field.external_id,
        "extraTypeInfo": _extra_type(field),
        "formulaTreatNullNumberAsZero": bool(field.formula) and field.blanks_are_zero,
        "idLookup": field.id_lookup,
        "label": field.label,
        "length": field.length,
        "name": field.name,
        "nameField": field.name == "Name",
        "nillable": field.nillable,
        "picklistValues": [_picklist_entry(field, value) for value in field.picklist],
        "permissionable": field.permissionable,
        "precision": field.precision,
        "queryByDistance": field.type == "address",
        "namePointing": len(field.reference_to) > 1,
        "polymorphicForeignKey": len(field.reference_to) > 1,
        "referenceTo": list(field.reference_to),
        "relationshipName": field.relationship_name,
        "restrictedPicklist": field.restricted_picklist,
        "scale": field.scale,
        "soapType": _SOAP_TYPES.get(field.type, "xsd:string"),
        "type": field.type,
        "unique": field.unique,
        "updateable": field.updateable,
    }
    return dict(sorted((entry | _query_flags(field)).items()))


def _query_flags(field: FieldType) -> _Json:
    return {
        "aggregatable": field.aggregatable,
        "filterable": field.filterable,
        "groupable": field.groupable,
        "sortable": field.sortable,
    }


def _extra_type(field: FieldType) -> str | None:
    if field.type == "textarea":
        return "plaintextarea"
    if field.compound == "Name":
        return "personname" if field.name == "LastName" else None
    return "imageurl" if field.name == "PhotoUrl" else None


def _picklist_entry(field: FieldType, value: str) -> _Json:
    return {
        "active": True,
        "defaultValue": value == field.default,
        "label": field.labels_of(value),
        "validFor": None,
        "value": value,
    }
