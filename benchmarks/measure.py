"""Run commands in turn and keep what each one cost."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

import msgspec

from benchmarks.memory import watch_tree

_RSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024
"""The unit of `ru_maxrss`. Source: getrusage(2) of macOS and of Linux."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One command to measure.

    Attributes:
        name: What tables call it.
        argv: What is executed.
        directory: Where it is executed.
        variables: What its environment holds besides that of this process.
        watches_tree: Whether to look at the memory of all its processes too, which costs time:
            for what takes seconds, not milliseconds.
    """

    name: str
    argv: tuple[str, ...]
    directory: Path
    variables: Mapping[str, str] = {}
    watches_tree: bool = False


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """What one execution cost, children that it waited for included.

    The peak is never below the memory of the process that measures: a child starts as its copy.

    Attributes:
        wall_s: From start to end.
        cpu_s: User and system together.
        peak_rss_bytes: Memory of the largest process.
        peak_tree_bytes: Memory of all processes together, pages that they share counted for each.
        git_s: How much of the wall time was Git's, where a tool leaves a part of its work to it.
        growth_bytes: By how much the store grew.
    """

    wall_s: float
    cpu_s: float
    peak_rss_bytes: int
    peak_tree_bytes: int | None = None
    git_s: float | None = None
    growth_bytes: int | None = None


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """All samples of one case, in the order in which they were taken."""

    name: str
    samples: tuple[Sample, ...]

    @property
    def median_s(self) -> float:
        """Median of the wall times."""
        return statistics.median(sample.wall_s for sample in self.samples)

    @property
    def min_s(self) -> float:
        """Shortest wall time."""
        return min(sample.wall_s for sample in self.samples)

    @property
    def max_s(self) -> float:
        """Longest wall time."""
        return max(sample.wall_s for sample in self.samples)

    @property
    def median_cpu_s(self) -> float:
        """Median of the processor times, user and system together."""
        return statistics.median(sample.cpu_s for sample in self.samples)

    @property
    def peak_rss_bytes(self) -> int:
        """Largest memory of any process in any execution."""
        return max(sample.peak_rss_bytes for sample in self.samples)

    @property
    def peak_tree_bytes(self) -> int | None:
        """Largest memory of all processes together in any execution, if it was watched."""
        watched = [sample.peak_tree_bytes for sample in self.samples if sample.peak_tree_bytes]
        return max(watched, default=None)

    @property
    def median_git_s(self) -> float | None:
        """Median of the wall times in Git, of a tool that leaves a part of its work to it."""
        return _median([sample.git_s for sample in self.samples])

    @property
    def median_growth_bytes(self) -> float | None:
        """Median of the growth of the store, if it was counted."""
        return _median([sample.growth_bytes for sample in self.samples])


def measure_in_turn(cases: Sequence[Case], *, n_rounds: int) -> tuple[Timing, ...]:
    """Execute the cases in turn, A B C A B C, so that a slow moment of the machine hits all.

    A first round fills the caches and is not counted.

    Args:
        cases: What to execute; each must succeed.
        n_rounds: How many samples of each to take, at least 1.

    Raises:
        RuntimeError: A command failed; the message holds what it wrote.
    """
    samples: dict[str, list[Sample]] = {case.name: [] for case in cases}
    for case in cases:
        execute(case)
    for _ in range(n_rounds):
        for case in cases:
            samples[case.name].append(execute(case))
    return tuple(Timing(name=case.name, samples=tuple(samples[case.name])) for case in cases)


def execute(case: Case) -> Sample:
    """Execute the command of one case and wait for it.

    Raises:
        RuntimeError: The command failed; the message holds what it wrote.
    """
    with tempfile.TemporaryFile() as output:
        start_s = time.perf_counter()
        process = subprocess.Popen(
            case.argv,
            cwd=case.directory,
            env={**os.environ, **case.variables},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        with watch_tree(process.pid) if case.watches_tree else nullcontext() as peak:
            _, status, usage = os.wait4(process.pid, 0)
            wall_s = time.perf_counter() - start_s
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            output.seek(0)
            written = output.read().decode(errors="replace")
            raise RuntimeError(f"{case.name!r} exited with {process.returncode}:\n{written}")
    peak_rss_bytes = usage.ru_maxrss * _RSS_UNIT_BYTES
    return Sample(
        wall_s=wall_s,
        cpu_s=usage.ru_utime + usage.ru_stime,
        peak_rss_bytes=peak_rss_bytes,
        peak_tree_bytes=max(peak.n_bytes, peak_rss_bytes) if peak else None,
    )


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None
