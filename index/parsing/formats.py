"""Which formats are read, and which one a file has: by its content where that tells, else by its name.

A format is a module of this package with `parse(data, encoding) -> ParsedDocument`, loaded when the first file needs
it. A wrong suffix is survived: a PDF called notes.txt is read as a PDF.
"""

import re
from codecs import getincrementaldecoder
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import PurePath

from index.errors import UnreadableDocumentError
from index.parsing.archive import Archive
from index.parsing.blocks import ParsedDocument

HEAD_BYTES = 4096


@dataclass(frozen=True)
class Format:
    """A format as people call it, the module that reads it, and the suffixes that its files usually have."""

    name: str
    module: str
    suffixes: tuple[str, ...]


PLAIN = Format("Text", "plain", (".txt", ".text", ".log"))
MARKDOWN = Format("Markdown", "markdown", (".md", ".markdown"))
PDF = Format("PDF", "pdf", (".pdf",))
WORD = Format("Word", "word", (".docx", ".docm", ".dotx"))
SLIDES = Format("PowerPoint", "slides", (".pptx", ".pptm", ".ppsx"))
WORKBOOK = Format("Excel", "workbook", (".xlsx", ".xlsm"))
OPEN_DOCUMENT = Format("OpenDocument", "opendocument", (".odt", ".ods", ".odp", ".ott"))
EPUB = Format("EPUB", "epub", (".epub",))
WEB_PAGE = Format("HTML", "webpage", (".html", ".htm", ".xhtml"))
RICH_TEXT = Format("RTF", "richtext", (".rtf",))
MAIL = Format("E-mail", "mail", (".eml",))
MAILBOX = Format("Mailbox", "mails", (".mbox",))
OUTLOOK = Format("Outlook message", "legacy", (".msg",))
LEGACY = Format("Word 97", "legacy", (".doc", ".xls", ".ppt", ".dot", ".pps"))
TABLE = Format("CSV", "delimited", (".csv", ".tsv", ".tab", ".psv"))
RECORDS = Format("JSON", "records", (".json", ".jsonl", ".ndjson", ".geojson"))
SUBTITLES = Format("Subtitles", "subtitles", (".srt", ".vtt"))
SOURCE = Format(
    "Source code",
    "source",
    tuple(
        ".py .pyi .js .mjs .cjs .ts .tsx .jsx .java .kt .scala .c .h .cc .cpp .hpp .cs .go .rs .rb .php .pl .lua .r .jl"
        " .swift .m .hs .ml .ex .exs .erl .clj .sh .bash .zsh .ps1 .bat .sql .css .scss .xml .xsl .svg .yaml .yml .toml"
        " .ini .cfg .conf .tex .bib .rst .adoc .org .proto .graphql .tf .gradle .cmake .vue .svelte".split()
    ),
)
FORMATS = (
    PLAIN,
    MARKDOWN,
    PDF,
    WORD,
    SLIDES,
    WORKBOOK,
    OPEN_DOCUMENT,
    EPUB,
    WEB_PAGE,
    RICH_TEXT,
    MAIL,
    MAILBOX,
    OUTLOOK,
    LEGACY,
    TABLE,
    RECORDS,
    SUBTITLES,
    SOURCE,
)
BY_SUFFIX = {suffix: kind for kind in FORMATS for suffix in kind.suffixes}
SUFFIXES = frozenset(BY_SUFFIX)

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ZIP = b"PK\x03\x04"
# What a member's name says of an archive.
ZIP_PARTS = (
    (re.compile(r"word/document\d*\.xml"), WORD),
    (re.compile(r"ppt/presentation\.xml"), SLIDES),
    (re.compile(r"xl/workbook\d*\.xml"), WORKBOOK),
    (re.compile(r"META-INF/container\.xml"), EPUB),
    (re.compile(r"content\.xml"), OPEN_DOCUMENT),
)
ZIP_KINDS = ((b"application/epub+zip", EPUB), (b"application/vnd.oasis.opendocument", OPEN_DOCUMENT))
WEB_START = re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html)[\s>]", re.I | re.S)
MAIL_HEADER = re.compile(rb"([A-Za-z][A-Za-z-]*):[ \t]", re.M)
MAIL_LINE = re.compile(rb"(?:[A-Za-z][A-Za-z0-9-]*:.*|[ \t]+\S.*)\Z")
MAIL_MARKS = {b"message-id", b"received", b"mime-version", b"dkim-signature", b"x-mailer", b"return-path"}
MAILBOX_START = re.compile(rb"From \S+.{5,60}\d{4}\r?\n[A-Za-z-]+:")
# Text of these suffixes is taken for what its beginning says that it is.
WEAK_SUFFIXES = {"", *PLAIN.suffixes, *LEGACY.suffixes, *TABLE.suffixes, *WEB_PAGE.suffixes}


def parse(name: str, data: bytes, encoding: str | None = None) -> ParsedDocument:
    """Return a file's text and blocks. Raises UnreadableDocumentError if there is no text in it."""
    return parser_of(format_of(name, data))(data, encoding)


def parser_of(kind: Format) -> Callable[[bytes, str | None], ParsedDocument]:
    """Load a format's module. Raises UnreadableDocumentError with the package that is missing."""
    try:
        return import_module(f"index.parsing.{kind.module}").parse  # type: ignore[no-any-return]  # a module's attribute has no type
    except ModuleNotFoundError as error:
        raise UnreadableDocumentError(f"{kind.name} needs the package {error.name}, which is not installed") from error


def format_of(name: str, data: bytes) -> Format:
    """Say which format a file has. Raises UnreadableDocumentError if it is none that is read."""
    head = data[:HEAD_BYTES]
    kind = _by_magic(head) or _by_text(name, head)
    if kind is None and head.startswith(ZIP):
        names = Archive(data).names
        kind = next((kind for part, kind in ZIP_PARTS if any(part.fullmatch(name) for name in names)), None)
        if kind is None:
            raise UnreadableDocumentError("a ZIP archive: unpack it")
    if kind in (None, LEGACY):
        kind = OUTLOOK if kind and _suffix(name) in OUTLOOK.suffixes else kind or BY_SUFFIX.get(_suffix(name))
    if kind is None and not _suffix(name) and _is_text(head):
        kind = PLAIN
    if kind is None:
        raise UnreadableDocumentError("this format is not read (docs/formats.md lists those that are)")
    return kind


def may_be_read(name: str, head: bytes) -> bool:
    """Say by the first kilobytes of a file whose suffix says nothing whether it is worth reading.

    The bytes of an archive that tells only at its end count as no.
    """
    if _by_magic(head) not in (None, LEGACY) or _by_text(name, head):
        return True
    if head.startswith(ZIP):
        return b"[Content_Types].xml" in head
    return not _suffix(name) and _is_text(head)


def _suffix(name: str) -> str:
    return PurePath(name).suffix.lower()


def _by_magic(head: bytes) -> Format | None:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"%PDF-"):
        return PDF
    if head.startswith(OLE):
        return LEGACY  # an Outlook message among them; its parser looks inside
    if head.startswith(ZIP):
        return next((kind for mark, kind in ZIP_KINDS if mark in head[:200]), None)
    return RICH_TEXT if start.startswith(b"{\\rtf") else None


def _by_text(name: str, head: bytes) -> Format | None:
    """Recognise text by how it begins, unless the suffix says more than that (a page's template is source code)."""
    suffix = _suffix(name)
    if suffix not in WEAK_SUFFIXES and suffix in SUFFIXES:
        return None
    if WEB_START.match(head.removeprefix(b"\xef\xbb\xbf")):
        return WEB_PAGE
    if MAILBOX_START.match(head):
        return MAILBOX
    return MAIL if _is_mail(head) else None


def _is_mail(head: bytes) -> bool:
    """Say whether these are a mail's headers: a sender, and a header that only programs write."""
    lines = re.split(rb"\r?\n", head.partition(b"\n\n")[0].partition(b"\r\n\r\n")[0])
    if not all(MAIL_LINE.match(line) for line in lines[: 10 if len(head) == HEAD_BYTES else None]):
        return False
    names = {match[1].lower() for match in map(MAIL_HEADER.match, lines) if match}
    return b"from" in names and bool(names & MAIL_MARKS)


def _is_text(head: bytes) -> bool:
    """Say whether the bytes are UTF-8 without control characters; the last character may be cut."""
    try:
        text = getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return bool(text.strip()) and not any(c < " " and c not in "\t\n\r\f" for c in text)
