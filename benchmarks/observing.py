"""What it costs a script that its opening of files is watched."""

from __future__ import annotations

import os
import random
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Case, measure_in_turn
from benchmarks.report import Comparison, Limit, Quantity
from benchmarks.units import format_size
from mlv.capture.observing.observe import observer_environment

N_FILES = 10_000
N_FEW_FILES = 100
N_TIMES = 1_000

_AT_MOST = 1.05
_IMAGE_BYTES = 64 * 64 * 3
_BRIGHTNESS = 64
"""Of 256 levels: what is left compresses about as well as a photograph."""

_READ = """
import sys
directory, n_files, n_times = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
for _ in range(n_times):
    for number in range(n_files):
        with open(f"{directory}/{number}.bin", "rb") as file:
            file.read()
"""
_DECODE = """
import sys, zlib
directory, n_files, n_times = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
for _ in range(n_times):
    for number in range(n_files):
        with open(f"{directory}/{number}.bin", "rb") as file:
            sum(zlib.decompress(file.read()))
"""


def compare_observing(directory: Path, *, n_rounds: int) -> Iterator[Comparison]:
    """Measure scripts that open files, observed over not observed.

    Args:
        directory: Where the files are made; must exist.
        n_rounds: How many samples of each to take, at least 1.
    """
    root = directory / "observing"
    n_bytes = _make_images(root / "images")
    what = f"{N_FILES:,} images of {format_size(n_bytes / N_FILES)}"
    yield _compare(
        root, f"{what}, each opened once and decoded", _DECODE, (N_FILES, 1), n_rounds=n_rounds
    )
    yield _compare(
        root,
        f"{N_FEW_FILES} images, each opened {N_TIMES:,} times and read",
        _READ,
        (N_FEW_FILES, N_TIMES),
        n_rounds=n_rounds,
    )
    yield _compare(
        root,
        f"{what}, each opened once and read, and nothing else",
        _READ,
        (N_FILES, 1),
        n_rounds=n_rounds,
        limited=False,
    )


def _compare(
    root: Path,
    title: str,
    script: str,
    counts: tuple[int, int],
    *,
    n_rounds: int,
    limited: bool = True,
) -> Comparison:
    arguments = (str(root / "images"), *map(str, counts))
    argv = (sys.executable, "-c", script, *arguments)
    live = root / ".mlv" / "live" / "run"
    cases = [
        Case(name="python", argv=argv, directory=root),
        Case(
            name="python, observed",
            argv=argv,
            directory=root,
            variables=observer_environment(live, root, os.environ),
        ),
    ]
    limit = Limit(case=cases[1].name, quantity=Quantity.RATIO, at_most=_AT_MOST)
    return Comparison(
        title=title,
        timings=measure_in_turn(cases, n_rounds=n_rounds),
        limits=(limit,) if limited else (),
    )


def _make_images(directory: Path) -> int:
    """Write the files, the same on every machine; return their size."""
    directory.mkdir(parents=True)
    generator = random.Random(0)  # noqa: S311 - not for secrets
    n_bytes = 0
    for number in range(N_FILES):
        pixels = bytes(byte % _BRIGHTNESS for byte in generator.randbytes(_IMAGE_BYTES))
        n_bytes += (directory / f"{number}.bin").write_bytes(zlib.compress(pixels, 1))
    return n_bytes
