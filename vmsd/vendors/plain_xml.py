"""XML from strangers: names and texts, without document types, entities or any depth that would hurt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat  # its own entities are refused below

from vmsd.errors import Malformed

MOST_BYTES = 512 * 1024
MOST_DEPTH = 24
MOST_ELEMENTS = 4000
MOST_CHARS = 2000
"""Of one text; what is longer is cut."""
MOST_ATTRIBUTES = 16


@dataclass
class Element:
    """`name` and the names of `attributes` without their namespaces."""

    name: str
    text: str = ""
    children: list[Element] = field(default_factory=list)
    attributes: dict[str, str] = field(default_factory=dict)

    def walk(self) -> Iterator[Element]:
        """This one and all below, as they stand in the document."""
        yield self
        for child in self.children:
            yield from child.walk()

    def find(self, name: str) -> Element | None:
        """The first of this name, in whatever depth; capitals do not count."""
        return next((one for one in self.walk() if one.name.lower() == name.lower()), None)

    def find_all(self, name: str) -> list[Element]:
        """All of this name, in whatever depth."""
        return [one for one in self.walk() if one.name.lower() == name.lower()]

    def text_of(self, *path: str) -> str:
        """Of the first of the first name, within it of the second, and so on; empty where there is none."""
        found: Element | None = self
        for name in path:
            found = found.find(name) if found else None
        return found.text.strip() if found else ""


class _Builder:
    def __init__(self, most_elements: int) -> None:
        self.root: Element | None = None
        self._most_elements = most_elements
        self._open: list[Element] = []
        self._elements = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if self._elements > self._most_elements or len(self._open) >= MOST_DEPTH:
            raise Malformed("this XML is too deep or too long")
        element = Element(name.rpartition(":")[2], attributes=_kept(attributes))
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def end(self, _name: str) -> None:
        self._open.pop()

    def text(self, text: str) -> None:
        if self._open and len(self._open[-1].text) < MOST_CHARS:
            self._open[-1].text = (self._open[-1].text + text)[:MOST_CHARS]


def parse_xml(raw: bytes, most_elements: int = MOST_ELEMENTS) -> Element:
    """The root; `Malformed` for what is no XML, and for all that has a document type."""
    if len(raw) > MOST_BYTES:
        raise Malformed("this XML is too long")
    builder, parser = _Builder(most_elements), expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    raw = raw if b"\x00" in raw[:8] else raw.rstrip(b"\x00\r\n\t ")
    try:
        parser.Parse(raw.lstrip(b"\r\n\t "), True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise Malformed("this is no XML") from error
    if builder.root is None:
        raise Malformed("this is no XML")
    return builder.root


def _kept(attributes: dict[str, str]) -> dict[str, str]:
    first = list(attributes.items())[:MOST_ATTRIBUTES]
    return {name.rpartition(":")[2]: value[:MOST_CHARS] for name, value in first}


def _refuse(*_: object) -> None:
    raise Malformed("XML with a document type is not read")
