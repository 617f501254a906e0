"""How many files and bytes some directories hold."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """What directories hold, or by how much that grows on average."""

    n_files: float
    n_bytes: float


def count_holding(places: Iterable[Path]) -> Holding:
    """Count the files below some places, and their sizes; a place may be a file, or missing."""
    sizes: list[int] = []
    for place in places:
        if place.is_file():
            sizes.append(place.stat().st_size)
        for directory, _, names in os.walk(place):
            sizes += [os.lstat(os.path.join(directory, name)).st_size for name in names]  # noqa: PTH118
    return Holding(n_files=len(sizes), n_bytes=sum(sizes))
