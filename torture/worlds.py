"""What is tortured: small worlds (a folder of documents, an index, conversations) and what people do in them.

Each kind says what the world is before, the one thing that is done, and what it is afterwards. Documents have a word of
their own, so that it can be told which text an answer is from.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from index.archive import read_archive, write_archive
from index.build import Builder
from index.store import Store
from index.views import remove as remove_all
from rag.removal import remove
from rag.settings import Settings
from tests.conftest import META, WordEncoder
from ui.conversations import FILE, SCHEMA, Conversations

OWNER = "owner"
QUESTIONS = ("What is alpha?", "What is beta?", "What is gamma?")
EXPORT = "notes.ragindex"
# A small index that is kept as one of more than 20,000 chunks is: cells, 8-bit codes, many segments.
AS_LARGE = {"index.vectors.EXACT_CHUNKS": 10, "index.segments.SEGMENT_CHUNKS": 6}
MANY_SEGMENTS = {"index.segments.SEGMENT_CHUNKS": 6}
Texts = dict[str, str]


def text(name: str, version: int = 1, sentences: int = 12) -> str:
    """Return a document with a word of its own and several chunks."""
    body = " ".join(f"Sentence {i} of {name} says that number {i * version} is {name} {i}." for i in range(sentences))
    return f"# {name}\n\n{own_word(name, version)} is here. {body}\n"


def own_word(name: str, version: int = 1) -> str:
    """Return the word that only this version of a document has."""
    return f"{name}v{version}x"


BEFORE: Texts = {f"docs/{name}.txt": text(name) for name in ("alpha", "beta", "gamma", "delta")}
AFTER: Texts = {
    "docs/alpha.txt": text("alpha", 2),
    "docs/beta.txt": text("beta"),
    "docs/epsilon.txt": text("epsilon", 1, 30),
    "docs/gamma.txt": text("gamma"),
}
REMOVED: Texts = {name: said for name, said in BEFORE.items() if name not in ("docs/alpha.txt", "docs/delta.txt")}


@dataclass(frozen=True)
class World:
    """A folder with all in it."""

    folder: Path

    @property
    def store(self) -> Store:
        """Return its index."""
        return Store(self.folder / ".rag")

    @property
    def conversations(self) -> Conversations:
        """Return the conversations beside the index."""
        return Conversations.of(Settings(index=self.folder / ".rag"))

    def write(self, texts: Texts) -> None:
        """Make the files what `texts` says."""
        shutil.rmtree(self.folder / "docs", ignore_errors=True)
        (self.folder / "docs").mkdir(parents=True)
        for name, said in texts.items():
            (self.folder / name).write_text(said, "utf-8")

    def build(self, *, rebuild: bool = False, commit_seconds: float = 10) -> None:
        """Bring the index in step with the files."""
        Builder(self.store, META, WordEncoder, commit_seconds=commit_seconds).build(
            self.folder / "docs", rebuild=rebuild
        )

    def remove(self) -> None:
        """Delete it."""
        remove_all(self.folder)

    def clone(self, folder: Path) -> "World":
        """Copy it."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return World(folder)


@dataclass(frozen=True)
class Kind:
    """Something that is done in a world, and what the index holds before and after."""

    name: str
    act: Callable[[World], object]
    before: Texts = field(default_factory=lambda: BEFORE)
    after: Texts = field(default_factory=lambda: AFTER)
    files: Texts = field(default_factory=lambda: AFTER)
    in_steps: bool = False  # many commits: each document is as before or as after
    made_with: Mapping[str, int] = field(default_factory=dict)
    done_with: Mapping[str, int] = field(default_factory=dict)

    def prepare(self, folder: Path) -> World:
        """Make the world as it is before."""
        world = World(folder)
        with limits(self.made_with):
            if self.before:
                world.write(self.before)
                world.build()
                talk = world.conversations.start(OWNER, QUESTIONS[0])
                world.conversations.add(OWNER, talk, QUESTIONS[0], {"claims": [{"text": QUESTIONS[0]}]})
        world.write(self.files)
        if self.name == "import":
            _archive_of_after(folder)
        return world

    def do(self, world: World) -> None:
        """Do the one thing."""
        with limits(self.done_with):
            self.act(world)


@contextmanager
def limits(values: Mapping[str, int]) -> Iterator[None]:
    """Set limits of the product, so that a small index behaves like a large one."""
    with ExitStack() as stack:
        for name, value in values.items():
            stack.enter_context(patch(name, value))
        yield


def _archive_of_after(folder: Path) -> None:
    other = World(folder / "other")
    other.write(AFTER)
    other.build()
    write_archive(other.store, folder / EXPORT, {})
    other.remove()


def _chat(world: World) -> None:
    (talk,) = world.conversations.listed(OWNER)
    done = len(world.conversations.turns(OWNER, talk.id))
    for question in QUESTIONS[done:]:
        world.conversations.add(OWNER, talk.id, question, {"claims": [{"text": question}]})


def _in_steps(world: World) -> None:
    with limits({"index.writing.BATCH_CHUNKS": 1}):
        world.build(commit_seconds=0)


def _export(world: World) -> None:
    write_archive(world.store, world.folder / EXPORT, {FILE: SCHEMA})


def _import(world: World) -> None:
    read_archive(world.store, world.folder / EXPORT, {FILE: SCHEMA}, force=True)


def _remove(world: World) -> None:
    with world.store.snapshot() as snapshot:
        there = {record.name for record in snapshot.documents()}
    remove(world.store, sorted(there & (BEFORE.keys() - REMOVED.keys())))


KINDS = {
    kind.name: kind
    for kind in (
        Kind("index", World.build, before={}),
        Kind("update", World.build),
        Kind("long update", _in_steps, in_steps=True),
        Kind("rebuild", lambda world: world.build(rebuild=True)),
        Kind("large index", World.build, made_with=AS_LARGE, done_with=AS_LARGE),
        Kind("compaction", World.build, made_with=MANY_SEGMENTS),
        Kind("remove", _remove, after=REMOVED, files=BEFORE),
        Kind("export", _export, after=BEFORE, files=BEFORE),
        Kind("import", _import, files=BEFORE),
        Kind("chat", _chat, after=BEFORE, files=BEFORE),
    )
}
