"""SOAP as strict clients read it: they know the partner WSDL's elements, in its order, and no others."""

from __future__ import annotations

from xml.etree import ElementTree

from sandbox.org.server import RunningOrg
from tests.conformance.org.conftest import Caller

# Partner WSDL 64.0, complex type DescribeSObjectResult.
RESULT = [
    "actionOverrides",
    "activateable",
    "associateEntityType",
    "associateParentEntity",
    "childRelationships",
    "compactLayoutable",
    "createable",
    "custom",
    "customSetting",
    "dataTranslationEnabled",
    "deepCloneable",
    "defaultImplementation",
    "deletable",
    "deprecatedAndHidden",
    "feedEnabled",
    "fields",
    "hasSubtypes",
    "idEnabled",
    "implementedBy",
    "implementsInterfaces",
    "isInterface",
    "isSubtype",
    "keyPrefix",
    "label",
    "labelPlural",
    "layoutable",
    "listviewable",
    "lookupLayoutable",
    "mergeable",
    "mruEnabled",
    "name",
    "namedLayoutInfos",
    "networkScopeFieldName",
    "queryable",
    "recordTypeInfos",
    "replicateable",
    "retrieveable",
    "searchLayoutable",
    "searchable",
    "supportedScopes",
    "triggerable",
    "undeletable",
    "updateable",
    "urlDetail",
    "urlEdit",
    "urlNew",
]
RECORD_TYPE = ["active", "available", "defaultRecordTypeMapping", "developerName", "master", "name", "recordTypeId"]
PARTNER = "{urn:partner.soap.sforce.com}"
TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
ENVELOPE = (
    '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:u="urn:partner.soap.sforce.com"><e:Header>'
    "<u:SessionHeader><u:sessionId>{session}</u:sessionId></u:SessionHeader></e:Header><e:Body>{body}</e:Body>"
    "</e:Envelope>"
)


async def answer(call: Caller, org: RunningOrg, body: str) -> str:
    envelope = ENVELOPE.format(session=org.access_token, body=body).encode()
    return (await call("POST", "/services/Soap/u/64.0", envelope, Content_Type="text/xml")).text


async def test_a_describe_has_the_elements_of_the_wsdl_in_their_order(call: Caller, org: RunningOrg) -> None:
    """As force-wsc reads it."""
    text = await answer(call, org, "<u:describeSObject><u:sObjectType>Contact</u:sObjectType></u:describeSObject>")
    result = ElementTree.fromstring(text)[0][0][0]  # noqa: S314 (our own answer)
    names = list(dict.fromkeys(one.tag.removeprefix(PARTNER) for one in result))
    assert names == [name for name in RESULT if name in names]
    infos = [[one.tag.removeprefix(PARTNER) for one in info] for info in result.iter(f"{PARTNER}recordTypeInfos")]
    assert infos == [RECORD_TYPE]


async def test_a_value_of_any_type_says_which(call: Caller, org: RunningOrg) -> None:
    """Partner WSDL: Field.defaultValue is an xsd:anyType."""
    text = await answer(call, org, "<u:describeSObject><u:sObjectType>Contact</u:sObjectType></u:describeSObject>")
    result = ElementTree.fromstring(text)[0][0][0]  # noqa: S314 (our own answer)
    fields = list(result.iter(f"{PARTNER}fields"))
    values = [one for field in fields if (one := field.find(f"{PARTNER}defaultValue")) is not None]
    assert values
    assert {(one.get(TYPE), one.text) for one in values} >= {("xsd:boolean", "false")}


async def test_faults_are_of_the_type_that_the_wsdl_has_for_them(call: Caller, org: RunningOrg) -> None:
    """SOAP API guide, "API Fault Element": those of queries have row and column."""
    text = await answer(call, org, "<u:query><u:queryString>SELECT Nope FROM Contact</u:queryString></u:query>")
    assert '<sf:InvalidFieldFault xsi:type="sf:InvalidFieldFault"><sf:exceptionCode>INVALID_FIELD<' in text
    assert "</sf:exceptionMessage><sf:row>1</sf:row><sf:column>8</sf:column></sf:InvalidFieldFault>" in text
    text = await answer(call, org, "<u:query><u:queryString>SELECT</u:queryString></u:query>")
    assert '<sf:MalformedQueryFault xsi:type="sf:MalformedQueryFault">' in text
    text = await answer(call, org, "<u:query><u:queryString>SELECT Id FROM Nope</u:queryString></u:query>")
    assert '<sf:InvalidSObjectFault xsi:type="sf:InvalidSObjectFault">' in text
