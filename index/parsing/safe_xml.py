"""XML of documents that nobody vouches for: no entities, no other file, no network, no deep nesting.

Names are compared without their namespace: the strict and the usual variant of Office files differ only in that.
"""

from collections.abc import Iterator
from typing import Any, TypeAlias

from lxml import etree

from index.errors import UnreadableDocumentError

Element: TypeAlias = Any  # lxml has no types
ENTITY_MARKS = tuple("<!ENTITY".encode(encoding) for encoding in ("ascii", "utf-16-le", "utf-16-be"))


def xml_root(data: bytes) -> Element:
    """Return the root element. Raises UnreadableDocumentError for what is not well-formed or declares entities."""
    refuse_entities(data)
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        return etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        if "depth" in str(error).lower():
            raise UnreadableDocumentError("its XML is nested too deeply") from error
        raise UnreadableDocumentError("damaged: its XML is not well-formed") from error


def refuse_entities(data: bytes) -> None:
    """Raise UnreadableDocumentError for XML that declares entities; no program writes any into documents."""
    if any(mark in data for mark in ENTITY_MARKS):
        raise UnreadableDocumentError("its XML declares entities, which may be a bomb")


def name_of(element: Element) -> str:
    """Return an element's name without its namespace."""
    return str(element.tag).rpartition("}")[2]


def attribute(element: Element, name: str) -> str:
    """Return an attribute's value, whatever its namespace; "" if it is not there."""
    for key, value in element.attrib.items():
        if key == name or key.endswith(f"}}{name}"):
            return str(value)
    return ""


def child(element: Element | None, *names: str) -> Element | None:
    """Follow the first child of each name in turn; None where there is none."""
    for name in names:
        if element is None:
            return None
        element = next((e for e in element if name_of(e) == name), None)
    return element


def children(element: Element | None, *names: str) -> Iterator[Element]:
    """Yield the children with one of the names."""
    if element is not None:
        for e in element:
            if name_of(e) in names:
                yield e


def descendants(element: Element | None, *names: str) -> Iterator[Element]:
    """Yield the elements with one of the names at any depth, in the order of the document."""
    if element is not None:
        for e in element.iter():
            if name_of(e) in names:
                yield e
