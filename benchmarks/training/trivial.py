"""What one run of a script that does nothing costs: time, files and bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.growth import Holding, count_holding
from benchmarks.measure import Case, execute
from benchmarks.training.figures import OWN, Figure, Row, Unit
from benchmarks.training.trackers import Tracker, change_param

MOST_S = 0.4
MOST_FILES = 2
MOST_BYTES = 8 << 10
_N_RUNS = 100
_N_RUNS_OF_PEERS = 10


def measure_time(plain: Tracker, trackers: Sequence[Tracker], *, n_rounds: int) -> Row:
    """Measure one recorded run over the script alone, in turn; every run has other params."""
    taken: dict[str, list[float]] = {tracker.name: [] for tracker in trackers}
    for number in range(n_rounds + 1):
        alone_s = _record(plain, number)
        for tracker in trackers:
            over_s = _record(tracker, number) - alone_s
            if number:  # the first round fills the caches
                taken[tracker.name].append(over_s)
    return Row(
        title="one trivial run recorded, over the script alone",
        unit=Unit.SECONDS,
        figures=tuple(Figure(tool=name, samples=tuple(each)) for name, each in taken.items()),
        at_most=MOST_S,
    )


def measure_growth(trackers: Sequence[Tracker]) -> Iterator[Row]:
    """Measure how many files and bytes a run leaves, amortised over many runs."""
    grown: dict[str, Holding] = {}
    for tracker in trackers:
        n_runs = _N_RUNS if tracker.name == OWN else _N_RUNS_OF_PEERS
        _record(tracker, -1)
        before = count_holding(tracker.stores)
        for number in range(n_runs):
            _record(tracker, number + 1000)
        after = count_holding(tracker.stores)
        grown[tracker.name] = Holding(
            n_files=(after.n_files - before.n_files) / n_runs,
            n_bytes=(after.n_bytes - before.n_bytes) / n_runs,
        )
    note = f"Files and bytes are means over {_N_RUNS} runs, of the peers over {_N_RUNS_OF_PEERS}."
    yield Row(
        title="files that such a run leaves",
        unit=Unit.COUNT,
        figures=tuple(Figure(tool=t, samples=(each.n_files,)) for t, each in grown.items()),
        at_most=MOST_FILES,
        notes=(note,),
    )
    yield Row(
        title="bytes that such a run leaves",
        unit=Unit.BYTES,
        figures=tuple(Figure(tool=t, samples=(each.n_bytes,)) for t, each in grown.items()),
        at_most=MOST_BYTES,
        notes=(note,),
    )


def _record(tracker: Tracker, number: int) -> float:
    """Record one run; return how long that took, in seconds."""
    if tracker.trivial is None:
        raise ValueError(f"{tracker.name} records no trivial run")
    change_param(tracker.directory, number)
    case = Case(
        name=tracker.name,
        argv=tracker.trivial,
        directory=tracker.directory,
        variables=tracker.variables,
    )
    return execute(case).wall_s
