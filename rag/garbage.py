"""How often Python looks for garbage: seldom while a command starts, as usual in one that goes on.

Imports make a few hundred thousand objects that stay. Looking through them, which Python does after every 700 new ones,
takes half a second of `rag ask`. A server that looks as seldom keeps the garbage of hundreds of pages.
"""

import gc

WHILE_STARTING = 500_000
USUAL = gc.get_threshold()


def collect_seldom() -> None:
    """Look for garbage only after half a million new objects."""
    gc.set_threshold(WHILE_STARTING)


def collect_as_usual() -> None:
    """Look for garbage as Python does, but not among what is there now: that stays."""
    gc.freeze()
    gc.set_threshold(*USUAL)
