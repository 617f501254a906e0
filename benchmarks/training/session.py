"""Measure what recording costs, and keep the figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path

import msgspec

import mlv
from benchmarks.machine import describe_machine
from benchmarks.measure import Timing
from benchmarks.peers import install_peer
from benchmarks.startup import compare_import
from benchmarks.tables import replace_section
from benchmarks.training import figures
from benchmarks.training.figures import OWN, SCHEMA, Figure, Row, TrainingReport, Unit
from benchmarks.training.killing import measure_killing
from benchmarks.training.points import measure_points, measure_reading, measure_single_points
from benchmarks.training.trackers import PEERS, Tracker, prepare_mlv, prepare_peer, prepare_plain
from benchmarks.training.trivial import measure_growth, measure_time

PAGE = Path(__file__).parent.parent.parent / "docs" / "reference" / "benchmarks.md"
RESULTS = Path(__file__).parent.parent / "results" / "training"
CASES = ("trivial", "growth", "import", "points", "kill")

_MOST_IMPORT_S = 0.03
_IMPORT_ROUNDS = 20


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What to measure.

    Attributes:
        cases: Some of `CASES`; nothing means all.
        peers: Whether to measure the peers too.
        n_rounds: How many samples of each to take.
        directory: Where it is measured; empty.
    """

    cases: tuple[str, ...]
    peers: bool
    n_rounds: int
    directory: Path


def measure_training(request: Request, path: Path) -> None:
    """Measure, print each row when it is there, and write all figures at the end.

    Raises:
        RuntimeError: A tool failed; the message holds what it wrote.
    """
    installed = [install_peer(name) for name in PEERS] if request.peers else []
    peers = [prepare_peer(peer, request.directory / peer.name) for peer in installed]
    rows = []
    for row in _measure(request, peers):
        names = [figure.tool for figure in row.figures if figure.tool != OWN]
        titles = ["", OWN, "limit", *names]
        cells = figures.format_row(row, names)
        print(
            "; ".join(" ".join(pair).strip() for pair in zip(titles, cells, strict=True) if pair[1])
        )
        rows.append(row)
    report = TrainingReport(
        schema=SCHEMA,
        measured_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        machine=describe_machine(request.directory),
        tools={OWN: mlv.__version__} | {peer.name: peer.version for peer in installed},
        rows=tuple(rows),
    )
    figures.save_report(report, path)
    print(f"written to {path}")


def update_page(path: Path) -> None:
    """Put the figures of a saved report into the documentation."""
    section = figures.format_section(figures.load_report(path))
    PAGE.write_text(replace_section(PAGE.read_text(), section, of="training"))


def _measure(request: Request, peers: Sequence[Tracker]) -> Iterator[Row]:
    cases = request.cases or CASES
    trackers = [prepare_mlv(request.directory / "mlv"), *peers]
    trivial = [tracker for tracker in trackers if tracker.trivial]
    if "trivial" in cases:
        plain = prepare_plain(request.directory / "plain")
        yield measure_time(plain, trivial, n_rounds=request.n_rounds)
    if "growth" in cases:
        yield from measure_growth(trivial)
    if "import" in cases:
        yield _measure_import(request.directory)
    if "points" in cases:
        yield from _measure_points(request, trackers)
    if "kill" in cases:
        yield measure_killing(prepare_mlv(request.directory / "killed"))


def _measure_points(request: Request, trackers: Sequence[Tracker]) -> Iterator[Row]:
    lines = prepare_plain(request.directory / "lines")
    lines = msgspec.structs.replace(lines, name="JSON Lines")
    measured = [*(tracker for tracker in trackers if tracker.points), lines]
    yield from measure_points(measured, n_rounds=request.n_rounds)
    own = measured[0]
    yield measure_reading(own.directory, own.variables, n_rounds=request.n_rounds)
    single = prepare_mlv(request.directory / "singly", singly=True)
    yield measure_single_points(single, n_rounds=request.n_rounds)


def _measure_import(directory: Path) -> Row:
    plain, own = compare_import(directory, n_rounds=_IMPORT_ROUNDS).timings
    return Row(
        title="`import` in the training process",
        unit=Unit.SECONDS,
        figures=(Figure(tool=OWN, samples=_differences(plain, own)),),
        at_most=_MOST_IMPORT_S,
    )


def _differences(plain: Timing, own: Timing) -> tuple[float, ...]:
    pairs = zip(plain.samples, own.samples, strict=True)
    return tuple(mine.wall_s - bare.wall_s for bare, mine in pairs)
