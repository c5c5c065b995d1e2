"""Keep an index in step with folders while their files change.

The watching begins before the first full pass, so no change falls between the two. After that only the paths that
changed are looked at; another full pass, which costs one look at every file's times, comes every few minutes in case
the system lost events, and when a folder comes back that was not there.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from types import FrameType

import watchfiles
from watchfiles._rust_notify import WatchfilesRustInternalError

from index.build import Builder, readable_files
from index.collections import real_folder, root_of
from index.documents import Listing, discover, discover_part, real_path
from index.errors import IndexBusyError, NoDocumentsError, RagError, StorageError
from index.ignoring import IGNORE_FILE, Rules
from index.report import BuildReport
from rag.garbage import collect_as_usual
from rag.indexing import index_folders, make_builder
from rag.render import printable, report_lines
from rag.settings import Settings

STEP_MS = 100  # so long nothing may change before a change is looked at,
DEBOUNCE_MS = 500  # or so long things may go on changing
TICK_MS = 1_000
SECOND_LOOK_SECONDS = 0.3  # some editors delete a file before they write it anew
FULL_PASS_SECONDS = 600.0

Say = Callable[[Iterable[str]], None]


def watch(settings: Settings, folders: Sequence[Path], rules: Rules, encoding: str | None, say: Say) -> None:
    """Bring the index in step with folders, now and whenever something changes, until SIGINT or SIGTERM."""
    collect_as_usual()
    with _until_stopped() as stop:
        watcher = _Watcher(settings, folders, rules, encoding, say)
        while not stop.is_set():
            watcher.run(stop)


@contextmanager
def _until_stopped() -> Iterator[threading.Event]:
    """Give an event that Ctrl-C sets; a second Ctrl-C does what it did before."""
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def end(number: int, frame: FrameType | None) -> None:
        stop.set()
        signal.signal(number, before[signal.Signals(number)])

    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, end)
    yield stop


class _Watcher:
    """The folders of one `rag watch`."""

    def __init__(
        self, settings: Settings, folders: Sequence[Path], rules: Rules, encoding: str | None, say: Say
    ) -> None:
        self.settings = settings
        self.folders = folders
        self.rules = rules
        self.encoding = encoding
        self.say = say
        self.builder: Builder = make_builder(settings)
        self.changed: set[Path] = set()

    def run(self, stop: threading.Event) -> None:
        """Watch until `stop` is set, a folder is not the one that it was, or a full pass is due."""
        if not self._wait_for_folders(stop):
            return
        roots = [real_path(folder) for folder in self.folders]
        known = _identities(roots)
        events = self._events(roots, stop)
        with closing(events):
            next(events, None)  # from here on, the system keeps what changes
            self._full_pass()
            ends = time.monotonic() + FULL_PASS_SECONDS
            for changes in events:
                self.changed |= changes
                if _identities(roots) != known:
                    return
                if self.changed:
                    self._look(roots)
                if time.monotonic() > ends:
                    return

    def _wait_for_folders(self, stop: threading.Event) -> bool:
        """Wait until all folders are there; say once if one is not."""
        said = False
        while not stop.is_set():
            missing = [folder for folder in self.folders if not _is_there(folder)]
            if not missing:
                return True
            if not said:
                self.say(
                    [f"{_now()} waiting for {printable(str(missing[0]))}: nothing is there, what is indexed stays"]
                )
                said = True
            stop.wait(TICK_MS / 1_000)
        return False

    def _events(self, roots: Sequence[Path], stop: threading.Event) -> Generator[set[Path], None, None]:
        """Yield the paths that changed, or none of them every second."""
        folders = {root if root.is_dir() else root.parent for root in roots}
        try:
            for changes in watchfiles.watch(
                *folders,
                watch_filter=lambda _, path: self._is_visible(Path(path), roots),
                step=STEP_MS,
                debounce=DEBOUNCE_MS,
                rust_timeout=TICK_MS,
                yield_on_timeout=True,
                stop_event=stop,
                ignore_permission_denied=True,
            ):
                yield {Path(path) for _, path in changes}
        except (OSError, WatchfilesRustInternalError) as error:
            raise StorageError(f"cannot watch {', '.join(map(str, folders))}: {error}") from error

    def _is_visible(self, path: Path, roots: Sequence[Path]) -> bool:
        """Say whether a path may be of a document. What we write to the index ourselves must not wake us again."""
        root = next((root for root in roots if path.is_relative_to(root)), None)
        if root is None or path.is_relative_to(root_of(real_folder(self.settings.index))):
            return False
        parts = path.relative_to(root).parts
        return path.name == IGNORE_FILE or not any(part.startswith(".") for part in parts)

    def _full_pass(self) -> None:
        self.changed.clear()
        try:
            report = index_folders(self.settings, self.folders, rules=self.rules, encoding=self.encoding)
        except (NoDocumentsError, IndexBusyError) as error:
            self.say([f"{_now()} {printable(str(error))}"])
            if isinstance(error, IndexBusyError):
                self.changed |= {real_path(folder) for folder in self.folders}
            return
        self.say([f"{_now()} {line}" for line in report_lines(report)])

    def _look(self, roots: Sequence[Path]) -> None:
        """Bring the index in step with what changed; if another process writes, the next time."""
        if any(not path.exists() for path in self.changed):
            time.sleep(SECOND_LOOK_SECONDS)
        tops, listing = list_changed(self.changed, roots, self.settings.index, self.rules)
        if not all(map(_is_there, roots)):
            return
        try:
            report = self.builder.build(*tops, listing=listing, encoding=self.encoding, may_be_empty=True)
        except IndexBusyError:
            return
        except RagError as error:
            self.say([f"{_now()} {printable(str(error))}"])
        else:
            self.say(f"{_now()} {line}" for line in change_lines(report))
        self.changed.clear()


def list_changed(
    changed: Iterable[Path], roots: Sequence[Path], index_folder: Path, rules: Rules
) -> tuple[list[Path], Listing]:
    """Return the paths that are to be looked at, and the readable files at or below them.

    A `.ragignore` stands for the whole folder that it is in.
    """
    tops: list[Path] = []
    listing = Listing()
    for path in sorted({path.parent if path.name == IGNORE_FILE else path for path in changed}):
        root = next((root for root in roots if path.is_relative_to(root)), None)
        if root is None or any(path.is_relative_to(top) for top in tops[-1:]):
            continue
        tops.append(path)
        part = discover_part(path, root, index_folder, rules) if root.is_dir() else discover(root, index_folder)
        listing.files += readable_files(part)
        listing.unlisted += part.unlisted
    return tops, listing


def change_lines(report: BuildReport) -> Iterator[str]:
    """Yield a line for each document that is new, changed, moved or removed, or that could not be read."""
    old, new = {old for old, _ in report.moved}, {new for _, new in report.moved}
    yield from (f"moved {printable(before)} to {printable(after)}" for before, after in report.moved)
    yield from (f"new {printable(name)}" for name in report.added if name not in new)
    yield from (f"changed {printable(name)}" for name in report.changed)
    yield from (f"removed {printable(name)}" for name in report.removed if name not in old)
    yield from (f"skipped {printable(name)}: {reason}" for name, reason in report.skipped)


def _is_there(folder: Path) -> bool:
    """Say whether a file or folder is there and not empty. Where a disk is not mounted, there is an empty folder."""
    with suppress(OSError):
        return folder.stat().st_size > 0 if not folder.is_dir() else any(os.scandir(folder))
    return False


def _identities(roots: Sequence[Path]) -> list[tuple[int, int] | None]:
    """Return what tells whether a folder is still the one that is watched."""
    found: list[tuple[int, int] | None] = []
    for root in roots:
        folder = root if root.is_dir() else root.parent
        try:
            stat = folder.stat()
            found.append((stat.st_dev, stat.st_ino) if _is_there(root) else None)
        except OSError:
            found.append(None)
    return found


def _now() -> str:
    return datetime.now().strftime("%H:%M:%S")
