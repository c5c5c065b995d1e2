"""Which files of a folder are wanted: patterns in the style of .gitignore, from the caller or from `.ragignore` files.

A `.ragignore` holds for the folder that it lies in and all below; a deeper one overrules it, and patterns of the caller
overrule them all. What lies in a folder that is left out cannot be brought back by a later pattern, as with git.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from index.errors import PatternError

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

IGNORE_FILE = ".ragignore"
MAX_IGNORE_BYTES = 1_000_000


@dataclass(frozen=True)
class Rules:
    """What is wanted of every folder: `include` nothing means everything, `exclude` overrules `include`.

    Patterns are relative to the folder that is indexed.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def below(self, root: Path) -> "Chosen":
        """Return the rules for one folder, an absolute path; it learns of `.ragignore` files as it is walked.

        Raises PatternError for a pattern that cannot be understood.
        """
        include = _spec(self.include, "--include") if self.include else None
        return Chosen(root, include, _spec(self.exclude, "--exclude"))


@dataclass
class Chosen:
    """Say which files and folders below `root` are wanted. Call `enter` with a folder before asking about its files."""

    root: Path
    include: "GitIgnoreSpec | None"
    exclude: "GitIgnoreSpec"
    files: "dict[Path, GitIgnoreSpec]" = field(default_factory=dict)

    def enter(self, folder: Path) -> None:
        """Read the folder's `.ragignore`, if it has one."""
        path = folder / IGNORE_FILE
        try:
            with path.open("rb") as file:
                data = file.read(MAX_IGNORE_BYTES)
        except (FileNotFoundError, IsADirectoryError):
            return
        except OSError as error:
            raise PatternError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
        self.learn(folder, data, str(path))

    def learn(self, folder: Path, data: bytes, where: str) -> None:
        """Take over what the `.ragignore` of a folder says. Raises PatternError."""
        lines = data[:MAX_IGNORE_BYTES].decode("utf-8-sig", "surrogateescape").splitlines()
        self.files[folder] = _spec(lines, where)

    def has_folder(self, folder: Path) -> bool:
        """Say whether a folder is looked into."""
        return not self._is_excluded(folder, "/")

    def has_file(self, file: Path) -> bool:
        """Say whether a file is wanted, if its folder is."""
        if self.include is not None and not self.include.match_file(file.relative_to(self.root).as_posix()):
            return False
        return not self._is_excluded(file, "")

    def _is_excluded(self, path: Path, end: str) -> bool:
        if not len(self.exclude) and not self.files:
            return False
        said = self.exclude.check_file(path.relative_to(self.root).as_posix() + end).include
        if said is not None:
            return said
        for folder in path.parents:
            spec = self.files.get(folder)
            said = None if spec is None else spec.check_file(path.relative_to(folder).as_posix() + end).include
            if said is not None or folder == self.root:
                break
        return bool(said)


def _spec(lines: Sequence[str], where: str) -> "GitIgnoreSpec":
    from pathspec import GitIgnoreSpec  # takes 30 ms, and a question needs none

    for line in lines:
        try:
            GitIgnoreSpec.from_lines([line])
        except ValueError as error:
            raise PatternError(f"{where}: the pattern {line!r} cannot be understood") from error
    return GitIgnoreSpec.from_lines(lines)


EVERYTHING = Rules()
