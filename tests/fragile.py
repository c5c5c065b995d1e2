"""A worker of the cluster that dies on some files, as if the system had taken its memory, and fails on others."""

import os
import signal
from collections.abc import Sequence
from pathlib import Path

from index.cluster import Objects, Worker
from index.loading import Loaded, Task


class FragileWorker(Worker):
    """Dies on every file with "poison" in its name, the first time on one with "once"; fails on one with "fault"."""

    def __call__(self, batch: dict[str, Objects]) -> dict[str, Objects]:
        for task in batch["task"]:
            path = Path(task.source.path)
            died = path.with_suffix(".died")
            if "poison" in path.name or ("once" in path.name and not died.exists()):
                died.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(batch)

    def load(self, tasks: Sequence[Task]) -> list[Loaded]:
        if any("fault" in task.source.name for task in tasks):
            raise ZeroDivisionError("division by zero")
        return super().load(tasks)
