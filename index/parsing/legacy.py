"""Files of the old Office kind (OLE): Outlook messages and Word documents are read; the others are named."""

import io

import olefile

from index.errors import UnreadableDocumentError
from index.parsing import outlook, word97
from index.parsing.blocks import ParsedDocument

UNREAD = (
    ("EncryptedPackage", "protected with a password"),
    ("Workbook", "an old Excel format: save it as .xlsx"),
    ("Book", "an old Excel format: save it as .xlsx"),
    ("PowerPoint Document", "an old PowerPoint format: save it as .pptx"),
)


def parse(data: bytes, encoding: str | None = None) -> ParsedDocument:
    """Return the text of a message or a document. `encoding` is not needed."""
    try:
        with olefile.OleFileIO(io.BytesIO(data)) as ole:
            names = {"/".join(path) for path in ole.listdir()}
    except (OSError, IndexError, ValueError) as error:
        raise UnreadableDocumentError("damaged, or not a file of the old Office kind") from error
    if outlook.PROPERTIES in names:
        return outlook.parse(data)
    if word97.STREAM in names:
        return word97.parse(data)
    for name, reason in UNREAD:
        if name in names:
            raise UnreadableDocumentError(reason)
    raise UnreadableDocumentError("an old Office format that is not read")
