"""Help that keeps its examples as they were written."""

from __future__ import annotations

import inspect

_AS_IT_IS = "\b"
"""Click wraps a paragraph anew unless this character stands alone before it."""


def keep_blocks(text: str) -> str:
    """Return help in which paragraphs with indented lines keep their lines."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    kept = [f"{_AS_IT_IS}\n{each}" if "\n " in each else each for each in paragraphs]
    return "\n\n".join(kept)
