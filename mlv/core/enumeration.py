"""Name a few of many things in a sentence."""

from __future__ import annotations

from collections.abc import Sequence


def enumerate_some(names: Sequence[str], *, n_shown: int = 5) -> str:
    """Return names for a sentence: all of a few, else the first and how many more there are.

    >>> enumerate_some(["a", "b"])
    'a, b'
    >>> enumerate_some(["a", "b", "c", "d"], n_shown=2)
    'a, b and 2 more'
    """
    shown = ", ".join(names[:n_shown])
    n_more = len(names) - n_shown
    return f"{shown} and {n_more} more" if n_more > 0 else shown
