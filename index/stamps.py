"""The stamp of a view: which commit its files show, and a seal for each of them.

A seal is a file's SHA-256, and its size, times and inode at that moment. To hash all files of a large index takes
seconds, so a file whose size, times and inode are still the same is taken for unchanged; any other is hashed. A file
that changed in the very tick of the clock in which its stamp was written, or later, would look the same, so it is never
taken for unchanged (git does likewise with its index).
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from index.documents import FileStat


@dataclass(frozen=True)
class Seal:
    """What a file was when it was sealed."""

    sha256: str
    stat: FileStat

    @classmethod
    def of(cls, path: Path) -> Self:
        """Seal a file as it is. Raises OSError."""
        stat = FileStat.of(path.stat())
        with path.open("rb") as file:
            return cls(hashlib.file_digest(file, "sha256").hexdigest(), stat)


@dataclass(frozen=True)
class Stamp:
    """The commit that a view's files show, a seal for each file by its name, the version of the view that wrote them.

    `at` is when it was written, by the file system's clock in nanoseconds; 0 if it was not yet.
    """

    generation: int
    commit: str
    version: int
    files: dict[str, Seal]
    at: int = 0

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Return a stamp, or None if the file does not hold one. Raises OSError, FileNotFoundError among them."""
        try:
            given = json.loads(path.read_bytes())
            seals = {name: Seal(str(digest), FileStat(*stat)) for name, (digest, *stat) in given["files"].items()}
            stamp = cls(
                given["generation"], given["commit"], given["version"], seals, FileStat.of(path.stat()).modified
            )
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None
        known = isinstance(stamp.generation, int) and 0 < stamp.generation < 2**62
        return stamp if known and isinstance(stamp.commit, str) else None

    def to_json(self) -> bytes:
        """Return what `read` reads."""
        files = {name: (seal.sha256, *asdict(seal.stat).values()) for name, seal in self.files.items()}
        kept = {"generation": self.generation, "commit": self.commit, "version": self.version, "files": files}
        return json.dumps(kept).encode("ascii")

    def seals(self, folder: Path, paths: Iterable[Path], *, thorough: bool = False) -> dict[str, Seal]:
        """Return the seals of files as they are, by name; those that look unchanged are hashed if `thorough` only.

        Raises OSError.
        """
        found: dict[str, Seal] = {}
        for path in paths:
            name = str(path.relative_to(folder))
            seal = self.files.get(name)
            is_trusted = not thorough and seal is not None and self._is_unchanged(path, seal)
            found[name] = seal if seal is not None and is_trusted else Seal.of(path)
        return found

    def covers(self, seals: dict[str, Seal]) -> bool:
        """Say whether these are its files, each with its content."""
        hashes = {name: seal.sha256 for name, seal in seals.items()}
        return hashes == {name: seal.sha256 for name, seal in self.files.items()}

    def _is_unchanged(self, path: Path, seal: Seal) -> bool:
        stat = FileStat.of(path.stat())
        return stat == seal.stat and max(stat.modified, stat.changed) < self.at
