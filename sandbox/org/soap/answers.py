"""What the SOAP APIs answer, as XML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.sax.saxutils import escape

# Elements that the partner WSDL declares as `xsd:anyType`.
_OF_ANY_TYPE = frozenset({"defaultValue"})
# What XML 1.0 cannot hold, not even escaped.
_NO_CHARACTERS = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class SoapFaultError(Exception):
    """A fault with an exception code of Salesforce's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


def elements(values: Mapping[str, object]) -> str:
    """One element for each value; lists repeat theirs, and null is `xsi:nil`."""
    return "".join(element(name, value) for name, value in values.items())


def element(name: str, value: object) -> str:
    if value is None:
        return f'<{name} xsi:nil="true"/>'
    if isinstance(value, Mapping):
        return f"<{name}>{elements(value)}</{name}>"
    if isinstance(value, list | tuple):
        return "".join(element(name, one) for one in value)
    return f"<{name}{_any_type(value) if name in _OF_ANY_TYPE else ''}>{escape(text_of(value))}</{name}>"


def _any_type(value: object) -> str:
    """Clients cannot tell what an `xsd:anyType` holds unless the element says so."""
    kind = {bool: "boolean", int: "int", float: "double"}.get(type(value), "string")
    return f' xmlns:xsd="http://www.w3.org/2001/XMLSchema" xsi:type="xsd:{kind}"'


def text_of(value: object) -> str:
    """A value in the lexical form of its XML Schema type."""
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    text = _NO_CHARACTERS.sub("", text)
    # Rows hold date-times as REST writes them.
    return f"{text.removesuffix('+0000')}Z" if text.endswith(".000+0000") else text


def without_nulls(value: object) -> object:
    """A JSON answer of REST as SOAP gives it, where what is null is absent."""
    if isinstance(value, Mapping):
        return {name: without_nulls(one) for name, one in value.items() if one is not None}
    return [without_nulls(one) for one in value] if isinstance(value, list) else value
