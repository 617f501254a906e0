"""Measure, print tables, and write the figures as JSON."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

from benchmarks.machine import describe_machine
from benchmarks.peers import PEERS, install_peer
from benchmarks.recording import compare_recording
from benchmarks.report import SCHEMA, Comparison, Report, format_comparison, save_report
from benchmarks.startup import compare_global_option, compare_import, compare_log

ROOT = Path(__file__).parent.parent
LATEST = ROOT / "build" / "benchmarks.json"
RESULTS = ROOT / "benchmarks" / "results"

_FEWER_ROUNDS = 3
"""Recording takes seconds with some peers, so it gets a third of the rounds."""


def main() -> None:
    """Run the benchmarks that the command line asks for."""
    options = _parse_options()
    measured_at = datetime.now(timezone.utc).isoformat(timespec="seconds")
    comparisons = []
    with tempfile.TemporaryDirectory(prefix="mlv-benchmarks-") as scratch:
        for comparison in _measure(Path(scratch), options.rounds, PEERS if options.peers else ()):
            print(format_comparison(comparison), flush=True)
            comparisons.append(comparison)
    path = RESULTS / f"{options.save}.json" if options.save else LATEST
    report = Report(
        schema=SCHEMA,
        measured_at=measured_at,
        machine=describe_machine(),
        comparisons=tuple(comparisons),
    )
    save_report(report, path)
    print(f"written to {path}")


def _measure(scratch: Path, n_rounds: int, peer_names: tuple[str, ...]) -> Iterator[Comparison]:
    yield compare_import(scratch, n_rounds=n_rounds)
    yield compare_global_option(scratch, "--version", n_rounds=n_rounds)
    yield compare_global_option(scratch, "--help", n_rounds=n_rounds)
    yield compare_log(scratch, n_rounds=n_rounds)
    peers = [install_peer(name) for name in peer_names]
    yield compare_recording(scratch, peers, n_rounds=max(1, n_rounds // _FEWER_ROUNDS))


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--rounds", type=int, default=21, metavar="N", help="samples of each command (default: 21)"
    )
    parser.add_argument(
        "--peers",
        action="store_true",
        help=f"measure {' and '.join(PEERS)} too, installed below the user's cache directory",
    )
    parser.add_argument(
        "--save",
        metavar="NAME",
        help="keep the figures as benchmarks/results/NAME.json instead of build/benchmarks.json",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
