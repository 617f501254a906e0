"""Series inside mlv alone: how long sealing a million points takes, and how small they get.

What other tools make of points, and what the API takes, is in `benchmarks.training.points`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import zstandard

from benchmarks.training.figures import OWN, Figure, Row, Unit
from mlv.capture.journal.points import Points
from mlv.capture.journal.reader import read_journal
from mlv.capture.journal.series_file import SeriesContent, decode_series, encode_series
from mlv.capture.journal.summary import summarize
from mlv.capture.journal.writer import JournalWriter

N_POINTS = 1_000_000
MOST_SEAL_S = 1.0
MOST_BYTES_PER_POINT = 10

_STEP_US = 100_000
_JITTER_US = 5_000
_BEGAN_US = 1_700_000_000_000_000


def measure_series(directory: Path, *, n_rounds: int) -> Iterator[Row]:
    """Measure sealing, and the bytes of a realistic loss beside simpler ways to keep it."""
    samples = [_seal(directory) for _ in range(n_rounds)]
    yield Row(
        title="a million points sealed: journal read, summed up, encoded, read back",
        unit=Unit.SECONDS,
        figures=(Figure(tool=OWN, samples=tuple(samples)),),
        at_most=MOST_SEAL_S,
        notes=("One series of one process; pyarrow is loaded before.",),
    )
    points = _make_loss()
    sizes = {
        OWN: len(encode_series(SeriesContent(series={"loss": points}))),
        "NumPy columns, zstd": _size_as_columns(points),
        "JSON Lines": _size_as_json_lines(points),
    }
    yield Row(
        title="bytes a point of a loss",
        unit=Unit.BYTES,
        figures=tuple(
            Figure(tool=name, samples=(size / N_POINTS,)) for name, size in sizes.items()
        ),
        at_most=MOST_BYTES_PER_POINT,
        notes=("A loss of float64 with noise, logged ten times a second, with times.",),
    )


def _seal(directory: Path) -> float:
    with TemporaryDirectory(dir=directory) as live:
        writer = JournalWriter(live)
        for step in range(N_POINTS):
            writer.log({"loss": 1.0 / (step + 1)}, step)
        writer.close()
        encode_series(SeriesContent(series={}))
        started_s = time.perf_counter()
        series = read_journal(Path(live)).series
        summarize(series["loss"], "api")
        decode_series(encode_series(SeriesContent(series=series)), began_us=0)
        return time.perf_counter() - started_s


def _make_loss() -> Points:
    random = np.random.default_rng(0)
    steps = np.arange(N_POINTS)
    loss = 2.3 * np.exp(-steps / (N_POINTS / 5)) + 0.1 + random.normal(0, 0.05, N_POINTS)
    pauses_us = np.abs(random.normal(_STEP_US, _JITTER_US, N_POINTS)).astype(np.int64)
    return Points(steps=steps, values=loss, times_us=_BEGAN_US + np.cumsum(pauses_us))


def _size_as_columns(points: Points) -> int:
    compressor = zstandard.ZstdCompressor()
    columns = (points.steps, points.times_us, points.values)
    return sum(len(compressor.compress(np.asarray(column).tobytes())) for column in columns)


def _size_as_json_lines(points: Points) -> int:
    rows = zip(points.steps, points.times_us, points.values, strict=True)
    return sum(
        len(f'{{"step": {step}, "time": {time_us / 1e6}, "loss": {value}}}\n')
        for step, time_us, value in rows
    )
