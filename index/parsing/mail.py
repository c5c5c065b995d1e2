"""Mails: subject, sender, receivers and date as text, the body, and the attachments as documents of their own."""

from collections.abc import Iterator
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser

from index.parsing.blocks import Attachment, Metadata, ParsedDocument
from index.parsing.building import TextBuilder
from index.parsing.metadata import iso_date
from index.parsing.plain import blocks
from index.parsing.tables import one_line
from index.parsing.webpage import add_content, tree_of

HEADERS = ("From", "To", "Cc", "Date", "Newsgroups")


def parse(data: bytes, encoding: str | None = None) -> ParsedDocument:
    """Return a mail's text, and what is attached to it. `encoding` is not needed."""
    builder = TextBuilder()
    message = read_message(data)
    attachments = tuple(add_message(builder, message))
    metadata = Metadata(header(message, "Subject"), header(message, "From"), iso_date(header(message, "Date")))
    return builder.document(metadata=metadata, attachments=attachments)


def read_message(data: bytes) -> EmailMessage:
    """Return the message of a file; any bytes are one to the library."""
    return BytesParser(policy=policy.default).parsebytes(data)


def add_message(builder: TextBuilder, message: EmailMessage) -> Iterator[Attachment]:
    """Add a message's headers and body, and yield its attachments."""
    builder.add(header(message, "Subject"), level=1)
    apart = True
    for name in HEADERS:
        if value := header(message, name):
            apart = not builder.add(f"{name}: {value}", apart=apart)
    body = _body(message)
    if body is not None:
        add_body(builder, _text_of(body), is_web=body.get_content_type() == "text/html")
    for number, part in enumerate(_attached(message, body), start=1):
        yield Attachment(_file_name(part, number), _data_of(part))


def add_body(builder: TextBuilder, text: str, *, is_web: bool) -> None:
    """Add a mail's text, which is plain or a web page."""
    if is_web:
        body = tree_of(text).body
        if body is not None:
            add_content(builder, body)
        return
    for block in blocks(text):
        builder.add(text[block.start : block.end])


def header(message: EmailMessage, name: str) -> str:
    """Return a header as people read it; "" if there is none, or none that can be understood."""
    try:
        return one_line(str(message.get(name, "")))
    except (ValueError, LookupError, TypeError, AttributeError, IndexError):
        # subtle: the library fails on some broken headers; then the header is taken as it stands there.
        found = [value for key, value in message.raw_items() if key.lower() == name.lower()]
        return one_line(str(found[0])) if found else ""


def _body(message: EmailMessage) -> EmailMessage | None:
    """Return the part that is the text: the plain one, unless it is empty."""
    candidates = [message.get_body((kind,)) for kind in ("plain", "html")]
    for part in candidates:
        if part is not None and _text_of(part).strip():  # type: ignore[arg-type]
            return part  # type: ignore[return-value]
    return None


def _text_of(part: EmailMessage) -> str:
    data = part.get_payload(decode=True)
    if not isinstance(data, bytes):
        return ""
    for encoding in (part.get_content_charset("utf-8"), "utf-8"):
        try:
            return data.decode(encoding)
        except (LookupError, UnicodeError):
            continue
    return data.decode("cp1252", "replace")


def _attached(message: EmailMessage, body: EmailMessage | None) -> Iterator[EmailMessage]:
    """Yield the parts that are files or mails, and texts that are not the body or another form of it."""
    if message.get_content_maintype() != "multipart":
        if body is None:
            yield message
        return
    parts = list(message.iter_parts())
    is_choice = message.get_content_subtype() == "alternative"
    for part in parts:
        if part is body:
            continue
        if part.get_content_maintype() == "multipart":
            yield from _attached(part, body)  # type: ignore[arg-type]
        elif not is_choice or part.is_attachment():
            yield part  # type: ignore[misc]


def _data_of(part: EmailMessage) -> bytes:
    if part.get_content_type() == "message/rfc822":
        inner = part.get_payload()
        return inner[0].as_bytes() if isinstance(inner, list) and inner else b""  # type: ignore[union-attr]
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""


def _file_name(part: EmailMessage, number: int) -> str:
    try:
        name = part.get_filename() or ""
    except (ValueError, LookupError, TypeError, AttributeError):
        name = ""
    if part.get_content_type() == "message/rfc822":
        inner = part.get_payload()
        subject = header(inner[0], "Subject") if isinstance(inner, list) and inner else ""  # type: ignore[arg-type]
        base = name or subject.replace("/", "-") or f"message {number}"
        return base if base.lower().endswith(".eml") else f"{base}.eml"
    suffix = {"text/html": ".html", "text/plain": ".txt"}.get(part.get_content_type(), "")
    return name or f"part {number}{suffix}"
