"""What a path in a record stands for, for those who show it."""

from __future__ import annotations

from mlv.worktree.paths import is_url


def is_remote(path: str) -> bool:
    """Tell whether a recorded path is a URL.

    >>> is_remote("s3://bucket/train.csv"), is_remote("data/train.csv")
    (True, False)
    """
    return is_url(path)
