"""Load files with the machines of a Ray cluster: they read, parse, chunk and encode; this process alone writes.

Since a worker writes nothing, one that dies costs only its files being loaded once more, on another machine, and what
was loaded twice is stored once. A file on which a worker dies again and again is named and skipped: what was in its
batch is tried file by file.

Ray is told to report its use to nobody, and its dashboard is not started.
"""

import logging
import os
import socket
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from index.chunking import text_to_encode
from index.encoders import document_encoder
from index.errors import RagError
from index.intake import Refused
from index.loading import Loaded, Loader, Pending, Task
from index.parsing import Parser
from index.records import FileRecord
from index.schema import IndexMeta
from index.words import words_of

if TYPE_CHECKING:
    from ray.data import Dataset

LOCAL = "local"  # instead of an address: a cluster of this machine only, which ends with the command
WAVE = 20_000  # files that are handed to the cluster at a time
BATCH = 8  # files that a worker loads at a time
# subtle: workers that hold every core leave none for what Ray must do again when a machine dies, and the job hangs
# (18 minutes were seen). So a worker takes a part of a core, and all of them at most `SHARE` of the cores.
WORKER_CPUS = 0.4
SHARE = 0.8
CONNECT_SECONDS = 5
# No report of its use to its makers, and no lines of its own among ours.
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal"}
TRIES = 2  # of a batch whose worker died, after the first
ALONE = 50  # files that are tried once more, each alone, which takes seconds for each
DIED = "every worker that read it died: its memory may not have been enough"

Objects = NDArray[np.object_]


@dataclass(frozen=True)
class WorkerSettings:
    """What a worker must know: as this process would load files itself."""

    encoder: str
    meta: IndexMeta
    parse_seconds: float
    encoding: str | None


class ClusterLoading:
    """Load files on the cluster at `address` ("local": this machine as one), in any order."""

    def __init__(self, address: str, settings: WorkerSettings, worker: "type[Worker] | None" = None) -> None:
        self._address = address
        self._settings = settings
        self._worker = worker or Worker

    def __enter__(self) -> "ClusterLoading":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Leave the cluster; one of this machine ends, with all its processes."""
        if ray := sys.modules.get("ray"):
            ray.shutdown()

    def __call__(self, tasks: Iterator[Task]) -> Iterator[Loaded]:
        """Yield what became of every file. Raises RagError if there is no such cluster, or if it went away."""
        workers = 0
        while lost := list(islice(tasks, WAVE)):
            workers = workers or _connect(self._address)
            for each in (BATCH, 1):
                found: set[str] = set()
                for loaded in self._wave(lost, each, workers):
                    found.add(loaded.file.name)
                    yield loaded
                if not (lost := [task for task in lost if task.source.name not in found]):
                    break
            yield from self._last_try(lost)

    def _last_try(self, lost: list[Task]) -> Iterator[Loaded]:
        """Load files on which workers died each with a worker of its own, since one may die of its neighbour's."""
        for task in lost:
            alone = list(self._wave([task], 1, 1)) if len(lost) <= ALONE else []
            yield from alone or [_given_up(task, DIED)]

    def _wave(self, tasks: Sequence[Task], each: int, workers: int) -> Iterator[Loaded]:
        """Load so many files at a time with each worker; files whose worker died do not come back."""
        import ray

        rows = [{"task": task} for task in tasks]
        with warnings.catch_warnings(action="ignore"):
            blocks: Dataset = ray.data.from_items(rows, override_num_blocks=-(-len(rows) // each))
            dataset = blocks.map_batches(
                self._worker,
                fn_constructor_args=(self._settings, _version()),
                batch_size=None,
                compute=ray.data.ActorPoolStrategy(min_size=1, max_size=min(workers, len(rows))),
                num_cpus=WORKER_CPUS,
                # subtle: else a batch on which every worker dies is tried for ever. There is no newer way to say it.
                ray_remote_args_fn=lambda: {"max_task_retries": TRIES},
            )
        try:
            for row in dataset.iter_rows():
                yield row["loaded"]
        except ray.exceptions.RayError as error:
            raise RagError(f"the Ray cluster at {self._address} failed: {str(error).splitlines()[0]}") from error


class Worker:
    """What loads files in a process of the cluster. It is made once and kept, with its models."""

    def __init__(self, settings: WorkerSettings, version: str) -> None:
        if version != _version():
            raise RagError(f"{os.uname().nodename} has version {_version()} of checkable-rag, the command {version}")
        self._settings = settings
        self._encoder = document_encoder(settings.encoder)
        self._parser = Parser(settings.parse_seconds)

    @cached_property
    def _loader(self) -> Loader:
        return Loader(self._parser, self._encoder.count_tokens, self._settings.meta, self._settings.encoding)

    def __call__(self, batch: dict[str, Objects]) -> dict[str, Objects]:
        """Load the files of a batch; of one that does not work out, each comes again alone."""
        tasks = list(batch["task"])
        done: Objects = np.empty(len(tasks), object)
        try:
            done[:] = self.load(tasks)
        except Exception as error:
            if len(tasks) > 1:
                raise
            done[:] = [_given_up(task, f"its worker failed: {type(error).__name__}: {error}") for task in tasks]
        return {"loaded": done}

    def load(self, tasks: Sequence[Task]) -> list[Loaded]:
        """Load files, and encode all that is in them together, which pads little."""
        loaded = [self._loader.load(task) for task in tasks]
        parsed = [list(each.documents) for each in loaded]
        chunks = [(d, c) for documents in parsed for d in documents if isinstance(d, Pending) for c in d.chunks]
        texts = [text_to_encode(document.parsed.text, chunk) for document, chunk in chunks]
        vectors = iter(np.asarray(self._encoder.encode(texts), "<f4") if texts else ())

        def whole(document: Pending | Refused) -> Pending | Refused:
            if isinstance(document, Refused):
                return document
            own = np.stack([next(vectors) for _ in document.chunks])
            words = [words_of(document.parsed.text, chunk) for chunk in document.chunks]
            return replace(document, vectors=own, words=words)

        return [
            replace(each, documents=[whole(d) for d in documents])
            for each, documents in zip(loaded, parsed, strict=True)
        ]


def _connect(address: str) -> int:
    """Join the cluster; return how many workers it has room for. Raises RagError."""
    os.environ |= {name: os.environ.get(name, value) for name, value in QUIET.items()}
    import ray

    if not ray.is_initialized():
        _look_for(address)
        place: dict[str, Any] = {"address": address}  # for "local", Ray begins a new one, whatever ran here before
        if address == LOCAL:
            place |= {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
        try:
            with warnings.catch_warnings(action="ignore"):
                ray.init(**place, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, ValueError, RuntimeError, TimeoutError) as error:
            raise RagError(f"no Ray cluster at {address}: {str(error).splitlines()[0]}") from error
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.max_errored_blocks = -1  # what a dead worker did not give back is tried again, then named
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    cores = ray.cluster_resources().get("CPU", 1.0)  # type: ignore[no-untyped-call]  # ray has no types for it
    return max(1, int(SHARE * cores / WORKER_CPUS))


def _look_for(address: str) -> None:
    """Raise RagError if nothing listens at "host:port", for which Ray would look for two minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise RagError(f"no Ray cluster at {address}: {why}") from error


def _given_up(task: Task, reason: str) -> Loaded:
    """Return what is known of a file that could not be loaded."""
    name = task.source.name
    return Loaded(FileRecord(name, task.source.stat(), "", reason, ""), task.source.stat().size)


def _version() -> str:
    from importlib.metadata import version

    return version("checkable-rag")
