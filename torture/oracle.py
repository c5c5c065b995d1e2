"""What must hold, whatever happened: the one place where the promises of an index are checked from the outside."""

from pathlib import Path

from index.archive import read_archive
from index.chunking import text_to_encode
from index.doctor import examine
from index.errors import ArchiveError, IndexMissingError
from index.search import Searcher
from index.store import Store
from tests.conftest import WordEncoder
from torture.worlds import AFTER, BEFORE, EXPORT, OWNER, QUESTIONS, Kind, Texts, World, limits
from ui.conversations import FILE, SCHEMA

EXPECTED = {
    *("store.sqlite3", "store.sqlite3-wal", "store.sqlite3-shm", "lock"),
    *("vectors.faiss", "vectors.json", "vectors.segments", "lexical", "lexical.json"),
    *(f"{FILE}{end}" for end in ("", "-wal", "-shm")),
}


class BrokenPromiseError(AssertionError):
    """Something that an index promises does not hold."""


def check(world: World, kind: Kind) -> None:
    """Check an index after whatever happened to it, then do the thing again and check that it is done."""
    with limits(kind.done_with):
        _is_one_generation(world, kind)
        _is_whole(world, kind)
        kind.do(world)
        _must(texts_in(world.store) == kind.after, "done again, it is not done")
        _is_whole(world, kind)
        _nothing_is_left_over(world.folder)


def check_done(world: World, kind: Kind) -> None:
    """Check an index after the thing was done and acknowledged."""
    with limits(kind.done_with):
        _must(texts_in(world.store) == kind.after, "what was acknowledged is lost")
        _is_whole(world, kind)
        if kind.name == "export":
            _must((world.folder / EXPORT).exists(), "the export that was acknowledged is lost")
        if kind.name == "chat":
            _must(_turns(world) == list(QUESTIONS), "a turn that was acknowledged is lost")


def texts_in(store: Store) -> Texts:
    """Return all documents of an index, {} if there is none."""
    try:
        with store.snapshot() as snapshot:
            return {record.name: snapshot.text(record.id) for record in snapshot.documents()}
    except IndexMissingError:
        return {}


def _is_one_generation(world: World, kind: Kind) -> None:
    texts = texts_in(world.store)
    if not kind.in_steps:
        _must(texts in (kind.before, kind.after), f"neither before nor after: {_versions(texts)}")
        return
    for name in kind.before.keys() | kind.after.keys():
        _must(texts.get(name) in (kind.before.get(name), kind.after.get(name)), f"{name}: {_versions(texts)}")


def _is_whole(world: World, kind: Kind) -> None:
    """Check that every document is found under its own text, that the doctor finds nothing, and what lies beside."""
    texts = texts_in(world.store)
    if texts:
        searcher = Searcher(world.store, WordEncoder())
        for name, said in texts.items():
            is_found(searcher, name, said, texts)
        bad = [f"{check.name}: {check.detail}" for check in examine(world.store, WordEncoder) if not check.ok]
        _must(not bad, f"doctor: {bad}")
    if kind.before:
        turns = _turns(world)
        _must(turns == list(QUESTIONS[: len(turns)]) and bool(turns), f"conversations: {turns}")
    if kind.name == "export" and (world.folder / EXPORT).exists():
        _is_archive_of(BEFORE, world.folder / EXPORT)
    if kind.name == "import":
        _is_archive_of(AFTER, world.folder / EXPORT)


def is_found(searcher: Searcher, name: str, said: str, texts: Texts) -> None:
    """Check that a document's own word finds it alone, and that each passage has its own text under its own score."""
    word = said.split("\n\n")[1].split()[0]
    hits = searcher.search(word, 50).hits
    _must({hit.passage.document for hit in hits if hit.lexical} == {name}, f"{word} does not find {name} alone")
    question = searcher.encoder.encode([word])[0]
    for hit in hits:
        chunk, own = hit.passage.chunk, texts[hit.passage.document]
        _must(own[chunk.start : chunk.end] == hit.passage.text, f"a passage of {name} is not at its place")
        (vector,) = searcher.encoder.encode([text_to_encode(own, chunk)])
        _must(hit.dense is not None and abs(float(vector @ question) - hit.dense) < 1e-5, "a wrong score")


def _turns(world: World) -> list[str]:
    (talk,) = world.conversations.listed(OWNER)
    return [turn.question for turn in world.conversations.turns(OWNER, talk.id)]


def _is_archive_of(texts: Texts, path: Path) -> None:
    other = World(path.parent / "read again")
    try:
        read_archive(other.store, path, {FILE: SCHEMA}, force=True)
    except ArchiveError as error:
        raise BrokenPromiseError(str(error)) from error
    _must(texts_in(other.store) == texts, "an archive holds something else")
    other.remove()


def _nothing_is_left_over(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()} - {"docs", ".rag", EXPORT}
    names |= {path.name for path in (folder / ".rag").iterdir()} - EXPECTED
    _must(not names, f"left over: {sorted(names)}")


def _must(holds: bool, otherwise: str) -> None:
    if not holds:
        raise BrokenPromiseError(otherwise)


def _versions(texts: Texts) -> list[str]:
    return [said.split("\n\n")[1].split()[0] for said in texts.values()]
