"""Write a file of the old Office kind (compound file, [MS-CFB]) with the given streams, for tests of its readers."""

import struct
from dataclasses import dataclass
from math import ceil

SECTOR, SMALL_SECTOR, SMALL = 512, 64, 4096
FREE, END, FAT, NONE = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD, 0xFFFFFFFF
FOLDER, STREAM, ROOT = 1, 2, 5
Tree = dict[str, "bytes | Tree"]


@dataclass
class Entry:
    """One line of the directory; the entries of a folder are a plain chain."""

    name: str
    kind: int
    data: bytes = b""
    after: int = NONE
    below: int = NONE
    start: int = END

    def packed(self) -> bytes:
        name = (self.name + "\0").encode("utf-16-le")
        entry = name.ljust(64, b"\0") + struct.pack("<HBBIII", len(name), self.kind, 1, NONE, self.after, self.below)
        return entry + bytes(36) + struct.pack("<IQ", self.start, len(self.data))


def compound(tree: Tree) -> bytes:
    """Return the file. Streams of less than 4096 bytes lie in small sectors inside the root's stream."""
    root = Entry("Root Entry", ROOT)
    entries = [root]
    _add(tree, root, entries)
    small_table: list[int] = []
    for entry in entries:
        if entry.data and len(entry.data) < SMALL:
            entry.start = len(small_table)
            root.data += entry.data.ljust(ceil(len(entry.data) / SMALL_SECTOR) * SMALL_SECTOR, b"\0")
            small_table += _chain(entry.start, len(root.data) // SMALL_SECTOR - entry.start)
    content, table = b"", []

    def place(data: bytes) -> int:
        nonlocal content, table
        start, count = len(table), ceil(len(data) / SECTOR)
        content += data.ljust(count * SECTOR, b"\0")
        table += _chain(start, count)
        return start if count else END

    for entry in entries:
        if entry is root or len(entry.data) >= SMALL:
            entry.start = place(entry.data)
    small = struct.pack(f"<{len(small_table)}I", *small_table)
    small_start = place(small)
    directory_start = place(b"".join(entry.packed() for entry in entries))
    assert len(table) < SECTOR // 4, "one sector of the table is enough for tests"
    table_start = len(table)
    table += [FAT] + [FREE] * (SECTOR // 4 - len(table) - 1)
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    small_size = ceil(len(small) / SECTOR)
    header += struct.pack("<9I", 0, 1, directory_start, 0, SMALL, small_start, small_size, END, 0)
    header += struct.pack("<109I", table_start, *[FREE] * 108)
    return header + content + struct.pack(f"<{len(table)}I", *table)


def _chain(start: int, count: int) -> list[int]:
    return [*range(start + 1, start + count), END] if count else []


def _add(tree: Tree, parent: Entry, entries: list[Entry]) -> None:
    previous = None
    for name, content in tree.items():
        is_folder = isinstance(content, dict)
        entry = Entry(name, FOLDER if is_folder else STREAM, b"" if is_folder else content)
        if previous is None:
            parent.below = len(entries)
        else:
            previous.after = len(entries)
        previous = entry
        entries.append(entry)
        if is_folder:
            _add(content, entry, entries)
