"""Reading a SOAP envelope: which operation is called, with which values."""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.parsers import expat

_XSI = "http://www.w3.org/2001/XMLSchema-instance"
# Calls nest their records a few levels deep.
_MAX_DEPTH = 50
_ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
# Envelope, Body, operation: its parameters come one level below.
_OPERATION_DEPTH = 3


class MalformedEnvelopeError(Exception):
    """The body is not a SOAP envelope with one operation."""


@dataclass(slots=True)
class Element:
    """An element by its local name. ``type_name`` is the local name of ``xsi:type``; None is ``xsi:nil``."""

    name: str
    type_name: str = ""
    text: str | None = ""
    children: list[Element] = field(default_factory=list)

    def all(self, name: str) -> list[Element]:
        return [one for one in self.children if one.name == name]

    def value(self, name: str, default: str = "") -> str:
        """The text of the first child of that name."""
        return next((one.text or "" for one in self.children if one.name == name), default)

    def values(self, name: str) -> list[str]:
        return [one.text or "" for one in self.children if one.name == name]


@dataclass(frozen=True, slots=True)
class SoapCall:
    """Texts of the operation's elements and of the header's, by local name; ``body`` has them in their order."""

    operation: str
    namespace: str
    values: dict[str, str]
    headers: dict[str, str]
    body: Element


def parse_call(body: bytes) -> SoapCall:
    """MalformedEnvelopeError when it is not XML, has a document type (entities!) or no operation."""
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = reader.refuse
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise MalformedEnvelopeError(f"The XML is not well-formed: {error}") from error
    if not reader.operation:
        raise MalformedEnvelopeError("No operation found in the SOAP body")
    namespace, _, operation = reader.operation.rpartition(" ")
    return SoapCall(operation, namespace, reader.values, reader.headers, reader.root)


@dataclass(slots=True)
class _Reader:
    operation: str = ""
    values: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    path: list[str] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    root: Element = field(default_factory=lambda: Element(""))
    open: list[Element] = field(default_factory=list)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if not self.path and name != f"{_ENVELOPE} Envelope":
            raise MalformedEnvelopeError("The root element is not a SOAP envelope")
        self.path.append(name)
        self.pieces.clear()
        if len(self.path) == _OPERATION_DEPTH and self._part() == "Body":
            self.operation = name
        if len(self.path) >= _OPERATION_DEPTH and self._part() == "Body":
            self._open(name, attributes)

    def _open(self, name: str, attributes: dict[str, str]) -> None:
        if len(self.path) > _MAX_DEPTH:
            raise MalformedEnvelopeError("The XML is nested too deeply")
        element = Element(name.rpartition(" ")[2], attributes.get(f"{_XSI} type", "").rpartition(":")[2])
        if attributes.get(f"{_XSI} nil") in {"true", "1"}:
            element.text = None
        if self.open:
            self.open[-1].children.append(element)
        else:
            self.root = element
        self.open.append(element)

    def text(self, data: str) -> None:
        self.pieces.append(data)

    def end(self, name: str) -> None:
        if len(self.path) > _OPERATION_DEPTH:
            values = self.headers if self._part() == "Header" else self.values
            values[name.rpartition(" ")[2]] = "".join(self.pieces)
        if self.open:
            element = self.open.pop()
            if element.text is not None and not element.children:
                element.text = "".join(self.pieces)
        self.pieces.clear()
        self.path.pop()

    def refuse(self, *_declaration: object) -> None:
        raise MalformedEnvelopeError("DOCTYPE is not allowed")

    def _part(self) -> str:
        return self.path[1].removeprefix(f"{_ENVELOPE} ")
