"""Measure, print tables, and write the figures as JSON.

Without a word: what starting mlv and recording a run of `true` cost.
With `store`: what the store costs on many files and on huge ones.
With `training`: what recording a training costs, beside other trackers.
"""

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
from benchmarks.store.cases import CASES
from benchmarks.store.session import RESULTS as STORE_RESULTS
from benchmarks.store.session import Request, measure_store, update_page
from benchmarks.store.tools import OWN_TOOLS, TOOLS
from benchmarks.training import session as training
from benchmarks.training.trackers import PEERS as TRACKERS

ROOT = Path(__file__).parent.parent
LATEST = ROOT / "build" / "benchmarks.json"
LATEST_STORE = ROOT / "build" / "benchmarks-store.json"
LATEST_TRAINING = ROOT / "build" / "benchmarks-training.json"
RESULTS = ROOT / "benchmarks" / "results"

_ROUNDS = 21
_STORE_ROUNDS = 3
_TRAINING_ROUNDS = 5
_FEWER_ROUNDS = 3
"""Recording takes seconds with some peers, so it gets a third of the rounds."""


def main() -> None:
    """Run the benchmarks that the command line asks for."""
    options = _parse_options()
    with tempfile.TemporaryDirectory(prefix="mlv-benchmarks-", dir=options.directory) as scratch:
        match options.what[:1]:
            case ["store"]:
                _measure_store(options, Path(scratch))
            case ["training"]:
                _measure_training(options, Path(scratch))
            case _:
                _measure_startup(options, Path(scratch))


def _measure_startup(options: argparse.Namespace, directory: Path) -> None:
    measured_at = datetime.now(timezone.utc).isoformat(timespec="seconds")
    comparisons = []
    peers = PEERS if options.peers else ()
    for comparison in _measure(directory, options.rounds or _ROUNDS, peers):
        print(format_comparison(comparison), flush=True)
        comparisons.append(comparison)
    path = RESULTS / f"{options.save}.json" if options.save else LATEST
    report = Report(
        schema=SCHEMA,
        measured_at=measured_at,
        machine=describe_machine(directory),
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


def _measure_store(options: argparse.Namespace, directory: Path) -> None:
    path = STORE_RESULTS / f"{options.save}.json" if options.save else LATEST_STORE
    LATEST_STORE.unlink(missing_ok=True)
    request = Request(
        cases=tuple(options.what[1:]),
        tools=tuple(options.tool or (TOOLS if options.peers else OWN_TOOLS)),
        n_rounds=options.rounds or _STORE_ROUNDS,
        scale=options.scale,
        directory=directory,
    )
    measure_store(request, path)
    if options.save:
        update_page(path)


def _measure_training(options: argparse.Namespace, directory: Path) -> None:
    path = training.RESULTS / f"{options.save}.json" if options.save else LATEST_TRAINING
    request = training.Request(
        cases=tuple(options.what[1:]),
        peers=options.peers,
        n_rounds=options.rounds or _TRAINING_ROUNDS,
        directory=directory,
    )
    training.measure_training(request, path)
    if options.save:
        training.update_page(path)


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = {"store": [case.name for case in CASES], "training": list(training.CASES)}
    parser.add_argument(
        "what",
        nargs="*",
        metavar="store|training [CASE]",
        help=f"measure the store: {', '.join(names['store'])}"
        f" (default: all but {', '.join(case.name for case in CASES if not case.by_default)}),"
        f" or what recording costs: {', '.join(training.CASES)} (default: all)",
    )
    parser.add_argument(
        "--rounds",
        type=int,
        metavar="N",
        help=f"samples of each command (default: {_ROUNDS}, of the store {_STORE_ROUNDS},"
        f" of training {_TRAINING_ROUNDS})",
    )
    parser.add_argument(
        "--peers",
        action="store_true",
        help=f"measure {' and '.join(PEERS)} too, or for the store {', '.join(TOOLS[2:])},"
        f" or for training {', '.join(TRACKERS)};"
        " those of the package index are installed below the user's cache directory",
    )
    parser.add_argument(
        "--tool",
        action="append",
        choices=TOOLS,
        help="of the store, measure only this tool; may be given several times",
    )
    parser.add_argument(
        "--scale", type=float, default=1.0, metavar="F", help="of the store, F times the data"
    )
    parser.add_argument(
        "--directory",
        type=Path,
        metavar="DIR",
        help="where to measure: on a file system with a journal (default: a temporary directory)",
    )
    parser.add_argument(
        "--save",
        metavar="NAME",
        help="keep the figures as benchmarks/results/NAME.json, of the store and of training as"
        " benchmarks/results/KIND/NAME.json and in the documentation, instead of below build/",
    )
    options = parser.parse_intermixed_args()
    known = names.get(options.what[0], []) if options.what else []
    unknown = [name for name in options.what[1:] if name not in known]
    if (options.what and not known) or unknown:
        parser.error(f"not a benchmark: {' '.join(unknown or options.what[:1])}")
    if options.save and options.scale != 1:
        parser.error("figures of another scale are not kept")
    return options


if __name__ == "__main__":
    main()
