"""Collections: several indexes in one index folder, each with documents, vectors, words and conversations of its own.

    .rag/                    the collection "default": the index folder itself
    .rag/legal.collection/   the collection "legal": an index folder, too
    uploads/                 beside the index folder: what was uploaded to "default"
    uploads@legal/           ... and to "legal"

That nothing of one is in an answer of another follows from this: no file belongs to two. Names of documents are
relative to the folder that holds the index folder, whatever the collection.
"""

import os
import unicodedata
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path

from index.errors import CollectionError, CollectionMissingError

DEFAULT = "default"
SUFFIX = ".collection"
GOING = ".collection.removed"  # how a collection's folder is called once it is none any more, until it is gone
UPLOADS = "uploads"
MAX_NAME_BYTES = 100


def checked_name(name: str) -> str:
    """Return a collection's name, its letters composed (NFC). Raises CollectionError if it cannot be one.

    Letters and digits of any script, and `_`, `-` and `.` between them: one step of a path, the same in every address.
    """
    composed = unicodedata.normalize("NFC", name)
    is_plain = all(unicodedata.category(c)[0] in "LMN" or c in "_-." for c in composed)
    ends = f"{composed[:1]}{composed[-1:]}"
    if not composed or not is_plain or not {*ends}.isdisjoint("_-.") or len(os.fsencode(composed)) > MAX_NAME_BYTES:
        raise CollectionError(
            f"{name!r} cannot be a collection's name: up to {MAX_NAME_BYTES} bytes of letters and digits, with _ - ."
            " between them"
        )
    return composed


def folder_of(root: Path, name: str) -> Path:
    """Return the index folder of a collection of `root`. Raises CollectionError."""
    name = checked_name(name)
    if name == DEFAULT:
        return root
    if is_collection(root):
        raise CollectionError(f"{root} is a collection itself: name the folder that it is in with --index")
    return root / f"{name}{SUFFIX}"


def is_collection(folder: Path) -> bool:
    """Say whether an index folder is that of a collection other than the default one."""
    return folder.suffix == SUFFIX


def root_of(folder: Path) -> Path:
    """Return the index folder that holds all collections, of which `folder` is one's."""
    return folder.parent if is_collection(folder) else folder


def name_of(folder: Path) -> str:
    """Return the name of the collection whose index folder this is."""
    return folder.stem if is_collection(folder) else DEFAULT


def known(root: Path) -> list[str]:
    """Return the names of the collections, in the order of their letters; the default one is not among them."""
    try:
        folders = [path for path in root.iterdir() if is_collection(path) and path.is_dir() and not path.is_symlink()]
    except OSError:
        return []
    return sorted(path.stem for path in folders)


def check_there(folder: Path) -> None:
    """Raise CollectionMissingError if an index folder is that of a collection that there is not."""
    if is_collection(folder) and name_of(folder) not in known(root_of(folder)):
        raise missing(folder)


def missing(folder: Path) -> CollectionMissingError:
    """Return the error that there is no such collection. It names no other: not everybody may know of them."""
    return CollectionMissingError(f"there is no collection {name_of(folder)}: `rag collection list` lists all", folder)


def nearest(folder: Path) -> str:
    """Return which collections have names like the one that there is not, in words."""
    near = get_close_matches(name_of(folder), known(root_of(folder)), n=3, cutoff=0.4)
    return f"; the nearest is {', then '.join(near)}" if near else ""


def check_new(folder: Path) -> None:
    """Refuse to make a collection whose name differs from another's in small and capital letters only.

    Some file systems hold these for the same. Raises CollectionError.
    """
    name = name_of(folder)
    for other in known(root_of(folder)):
        if other != name and other.casefold() == name.casefold():
            raise CollectionError(f"there is a collection {other}: {name} would be too like it")


def real_folder(folder: Path) -> Path:
    """Return the absolute path of an index folder, the links to the folder that holds all collections followed."""
    root = Path(os.path.realpath(root_of(folder)))
    return root / folder.name if is_collection(folder) else root


def uploads_of(folder: Path) -> Path:
    """Return the folder of what is uploaded to a collection."""
    real = real_folder(folder)
    return root_of(real).parent / (f"{UPLOADS}@{name_of(real)}" if is_collection(real) else UPLOADS)


def belongs_elsewhere(folder: Path, index: Path) -> bool:
    """Say whether a folder that is walked for documents holds an index, or what was uploaded to another collection.

    `index` is the index folder as `real_folder` gives it.
    """
    root = root_of(index)
    if folder in (root, index):
        return True
    uploads, at, name = folder.name.partition("@")
    if folder.parent != root.parent or uploads != UPLOADS or folder == uploads_of(index):
        return False
    return not at or any((root / f"{name}{suffix}").exists() for suffix in (SUFFIX, GOING))


def own_files(folder: Path) -> Iterator[Path]:
    """Yield every file and folder below an index folder, in order, but for those of other collections in it."""
    yield from sorted(_below(folder.iterdir()))


def _below(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.name.endswith((SUFFIX, GOING)):
            yield path
            yield from path.rglob("*")
