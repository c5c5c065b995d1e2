"""E-books (EPUB): the chapters in reading order; a chapter is a place, named as in the table of contents."""

import posixpath
from urllib.parse import unquote

from index.errors import UnreadableDocumentError
from index.parsing.archive import Archive
from index.parsing.blocks import Metadata, ParsedDocument
from index.parsing.building import TextBuilder
from index.parsing.metadata import iso_date, language_code
from index.parsing.safe_xml import Element, attribute, child, children, descendants, name_of, xml_root
from index.parsing.tables import one_line
from index.parsing.webpage import add_content, content_of, decode_page, tree_of

CONTAINER = "META-INF/container.xml"
RIGHTS = "META-INF/encryption.xml"
FONT_OBFUSCATION = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")


def parse(data: bytes, encoding: str | None = None) -> ParsedDocument:
    """Return the book's text. `encoding` is not needed."""
    archive = Archive(data)
    if RIGHTS in archive:
        ways = [attribute(e, "Algorithm") for e in descendants(xml_root(archive.read(RIGHTS)), "EncryptionMethod")]
        if any(way not in FONT_OBFUSCATION for way in ways):
            raise UnreadableDocumentError("protected against copying (DRM)")
    book = next((attribute(e, "full-path") for e in descendants(xml_root(archive.read(CONTAINER)), "rootfile")), "")
    root = xml_root(archive.read(book))
    items = {attribute(item, "id"): item for item in children(child(root, "manifest"), "item")}
    titles = _titles(
        archive, book, items, attribute(spine, "toc") if (spine := child(root, "spine")) is not None else ""
    )
    builder = TextBuilder()
    number = 0
    for reference in children(spine, "itemref"):
        item = items.get(attribute(reference, "idref"))
        if item is None or "nav" in attribute(item, "properties").split():
            continue
        name = _path(book, attribute(item, "href"))
        if name in archive and "html" in attribute(item, "media-type"):
            number += 1
            builder.place(titles.get(name) or f"chapter {number}")
            body = tree_of(decode_page(archive.read(name))[0]).body
            if body is not None:
                add_content(builder, body)
    return builder.document(metadata=_metadata(root))


def _path(base: str, reference: str) -> str:
    """Return the member that one file refers to, without the place in it."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(base), unquote(reference.partition("#")[0])))


def _titles(archive: Archive, book: str, items: dict[str, Element], toc_id: str) -> dict[str, str]:
    """Return the chapters' titles by file: of the book's navigation page, or of the older kind of contents."""
    titles: dict[str, str] = {}
    for item in items.values():
        name = _path(book, attribute(item, "href"))
        if "nav" in attribute(item, "properties").split() and name in archive:
            for link in tree_of(decode_page(archive.read(name))[0]).css("nav a[href]"):
                titles.setdefault(_path(name, link.attributes.get("href") or ""), one_line(content_of(link)))
    contents = items.get(toc_id)
    if contents is not None and not titles:
        name = _path(book, attribute(contents, "href"))
        for point in descendants(xml_root(archive.read(name)), "navPoint") if name in archive else ():
            target, label = child(point, "content"), child(point, "navLabel", "text")
            if target is not None and label is not None:
                titles.setdefault(_path(name, attribute(target, "src")), one_line(label.text or ""))
    return titles


def _metadata(root: Element) -> Metadata:
    said: dict[str, str] = {}
    metadata = child(root, "metadata")
    for element in metadata if metadata is not None else ():
        said.setdefault(name_of(element), (element.text or "").strip())
    return Metadata(
        said.get("title", ""),
        said.get("creator", ""),
        iso_date(said.get("date", "")),
        language_code(said.get("language", "")),
    )
