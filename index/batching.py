"""Texts to batches of about the same length: a model works on what is padded as long as on what is not."""

from collections.abc import Sequence

MOST_TOKENS = 2_048  # of a batch, padded
MOST_PADDING = 30  # tokens; to run the model once more takes about as long as these


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
