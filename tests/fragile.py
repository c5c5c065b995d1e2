"""A worker of the cluster that dies on some files, as if the system had taken its memory."""

import os
import signal
from pathlib import Path

from index.cluster import Objects, Worker


class FragileWorker(Worker):
    """Dies on every file with "poison" in its name, and the first time on one with "once" in its name."""

    def __call__(self, batch: dict[str, Objects]) -> dict[str, Objects]:
        for task in batch["task"]:
            path = Path(task.source.path)
            died = path.with_suffix(".died")
            if "poison" in path.name or ("once" in path.name and not died.exists()):
                died.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(batch)
