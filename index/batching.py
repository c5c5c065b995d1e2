"""Run a model over texts: in small batches of about the same length, each on one core.

What a small batch works on stays in the core's cache, and little of it is padding, on which a model works as long as on
text. All who ask at the same time share the same few threads, so none of them waits for more than its turn, and no
core is asked to do two things at once.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Encoding

MOST_TOKENS = 400  # of a batch, padded
ALONE = 0
MOST_PADDING = 30  # tokens; to run the model once more takes about as long as these
FEEDS = {"input_ids": "ids", "token_type_ids": "type_ids", "attention_mask": "attention_mask"}


def open_session(model: Path | bytes, weights: Path | None = None) -> onnxruntime.InferenceSession:
    """Load a model, from a file or its bytes, that runs on one core; `weights` is the folder of those outside it."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    if weights:
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(weights))
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def run(
    session: onnxruntime.InferenceSession,
    texts: Sequence[Encoding],
    rows: NDArray[np.float32],
    tokens: int = MOST_TOKENS,
) -> None:
    """Fill `rows` with what a model makes of texts that are tokenised and not padded, a row each.

    A batch has up to `tokens` tokens, padding included. `ALONE` is for 8-bit models, which scale by the largest value
    in a batch: in any other, what comes out for a text depends on the texts that happen to be beside it.
    """
    names = [given.name for given in session.get_inputs()]
    # The longest first, so that no core is left with them at the end.
    groups = batches([len(text.ids) for text in texts], tokens)[::-1]

    def one(group: list[int]) -> NDArray[np.float32]:
        width = max(len(texts[i].ids) for i in group)
        feed = {name: np.zeros((len(group), width), np.int64) for name in names}
        for row, i in enumerate(group):
            for name in names:
                feed[name][row, : len(texts[i].ids)] = getattr(texts[i], FEEDS[name])
        made: NDArray[np.float32] = session.run(None, feed)[0]
        return made

    for group, made in zip(groups, _cores().map(one, groups), strict=True):
        rows[group] = made


@cache
def _cores() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="model")


def batches(lengths: Sequence[int], tokens: int = MOST_TOKENS, padding: int = MOST_PADDING) -> list[list[int]]:
    """Group positions by length: a group has up to `tokens` tokens when padded, and up to `padding` that are padding.

    A single one may be longer. Example: lengths [9, 2, 2], at most 10 tokens -> [[1, 2], [0]].
    """
    groups: list[list[int]] = []
    needed = 0
    for position in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        needed += lengths[position]
        padded = (len(groups[-1]) + 1) * lengths[position] if groups else 0
        if groups and padded <= tokens and padded - needed <= padding:
            groups[-1].append(position)
        else:
            groups.append([position])
            needed = lengths[position]
    return groups
