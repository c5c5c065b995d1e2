"""Read members of a ZIP archive (Office files, e-books) within bounds. Nothing is ever written to disk."""

import io
import zipfile
import zlib

from index.errors import UnreadableDocumentError

MAX_MEMBERS = 20_000
MAX_TOTAL_BYTES = 1_000_000_000
MAX_MEMBER_BYTES = 200_000_000
# Text in XML packs to about a tenth, a sheet of equal rows to a hundredth; a bomb to a thousandth.
MAX_RATIO = 250
SMALL_BYTES = 20_000_000


class Archive:
    """An archive in memory, checked by what its directory says before anything is unpacked."""

    def __init__(self, data: bytes) -> None:
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, ValueError, OSError, EOFError, NotImplementedError) as error:
            raise UnreadableDocumentError("damaged: its ZIP archive cannot be opened") from error
        members = self._zip.infolist()
        total = sum(member.file_size for member in members)
        if len(members) > MAX_MEMBERS or total > MAX_TOTAL_BYTES:
            raise UnreadableDocumentError(f"a ZIP bomb: {len(members):,} members that unpack to {total:,} bytes")
        for member in members:
            if member.file_size > max(SMALL_BYTES, MAX_RATIO * member.compress_size):
                raise UnreadableDocumentError(
                    f"a ZIP bomb: a member of {member.compress_size:,} bytes unpacks to {member.file_size:,}"
                )
        self.names = {member.filename: member for member in members}

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def read(self, name: str) -> bytes:
        """Return a member's bytes; never more than the directory says. Raises UnreadableDocumentError."""
        member = self.names.get(name)
        if member is None:
            raise UnreadableDocumentError(f"damaged: there is no {name} in it")
        if member.flag_bits & 1:
            raise UnreadableDocumentError("protected with a password")
        if member.file_size > MAX_MEMBER_BYTES:
            raise UnreadableDocumentError(f"its member {name} unpacks to {member.file_size:,} bytes")
        try:
            with self._zip.open(member) as file:
                return file.read(member.file_size)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError) as error:
            raise UnreadableDocumentError(f"damaged: its member {name} cannot be unpacked") from error
