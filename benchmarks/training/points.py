"""Points of series: how fast they are logged, how large they are kept, how fast they are read."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.growth import count_holding
from benchmarks.training.figures import OWN, Figure, Row, Unit
from benchmarks.training.trackers import Tracker

LEAST_POINTS_PER_S = 300_000
MOST_BYTES_PER_POINT = 10
MOST_READ_S = 0.1

N_POINTS = 1_000_000
_SLOW = {"mlflow, SQLite": 20_000, "aim": 200_000, "dvclive": 20_000}
"""Those that would take minutes for a million points log fewer."""

_READ = """
import sys
import time
import pandas
import mlv
mlv.series("last", "train/m0")
started_s = time.perf_counter()
frame = mlv.series("last")
print(time.perf_counter() - started_s, len(frame))
"""
"""Reads twice, so that loading the libraries does not count."""


def measure_points(trackers: Sequence[Tracker], *, n_rounds: int) -> Iterator[Row]:
    """Measure points a second, and bytes a point, in turn."""
    rates: dict[str, list[float]] = {tracker.name: [] for tracker in trackers}
    sizes: dict[str, list[float]] = {tracker.name: [] for tracker in trackers}
    for _ in range(n_rounds):
        for tracker in trackers:
            n_points = _SLOW.get(tracker.name, N_POINTS)
            before = count_holding(tracker.stores).n_bytes
            seconds = _log(tracker, n_points)
            after = count_holding(tracker.stores).n_bytes
            rates[tracker.name].append(n_points / seconds)
            sizes[tracker.name].append((after - before) / n_points)
    note = (
        "Points are ten series with one value each a step, handed over in the tool's usual way;"
        f" {', '.join(f'{name} {count:,}' for name, count in _SLOW.items())} points,"
        f" the others {N_POINTS:,}."
    )
    yield Row(
        title="points logged through the API",
        unit=Unit.PER_SECOND,
        figures=tuple(Figure(tool=name, samples=tuple(each)) for name, each in rates.items()),
        at_least=LEAST_POINTS_PER_S,
        notes=(note,),
    )
    yield Row(
        title="bytes a point, when the run has ended",
        unit=Unit.BYTES,
        figures=tuple(Figure(tool=name, samples=tuple(each)) for name, each in sizes.items()),
        at_most=MOST_BYTES_PER_POINT,
        notes=(note,),
    )


def measure_single_points(tracker: Tracker, *, n_rounds: int) -> Row:
    """Measure points a second when each is handed over by a call of its own."""
    rates = tuple(N_POINTS / _log(tracker, N_POINTS) for _ in range(n_rounds))
    return Row(
        title="points logged one a call",
        unit=Unit.PER_SECOND,
        figures=(Figure(tool=OWN, samples=rates),),
        at_least=LEAST_POINTS_PER_S,
    )


def measure_reading(directory: Path, variables: dict[str, str], *, n_rounds: int) -> Row:
    """Measure how long the newest run's series take into pandas, which is loaded before."""
    samples = []
    for _ in range(n_rounds):
        seconds, n_points = _output([sys.executable, "-c", _READ], directory, variables).split()
        if int(n_points) != N_POINTS:
            raise RuntimeError(f"{n_points} points came back instead of {N_POINTS}")
        samples.append(float(seconds))
    return Row(
        title="a million points read into pandas",
        unit=Unit.SECONDS,
        figures=(Figure(tool=OWN, samples=tuple(samples)),),
        at_most=MOST_READ_S,
    )


def _log(tracker: Tracker, n_points: int) -> float:
    if tracker.points is None:
        raise ValueError(f"{tracker.name} logs no points")
    output = _output([*tracker.points, str(n_points)], tracker.directory, tracker.variables)
    return float(output.split()[-1])


def _output(argv: Sequence[str], directory: Path, variables: dict[str, str]) -> str:
    done = subprocess.run(
        argv,
        cwd=directory,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{argv[0]!r} exited with {done.returncode}:\n{done.stderr}")
    return done.stdout
