"""Measure cases of the store with several tools in turn."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from benchmarks.measure import Sample, Timing
from benchmarks.report import Comparison, Limit
from benchmarks.store.cases import Operation, StoreCase
from benchmarks.store.flow import make_pass
from benchmarks.store.tools import Tool
from benchmarks.units import format_size

_WARM_UP_SCALE = 1e-9
_INODES_PER_FILE = 4


class Entrant(msgspec.Struct, frozen=True, kw_only=True):
    """A tool in a case, under the name that the tables have for it."""

    name: str
    case: StoreCase
    tool: Tool


class Samples(msgspec.Struct, frozen=True, kw_only=True):
    """What every operation cost every entrant, round by round, and who failed why."""

    taken: dict[tuple[str, str], list[Sample]]
    failures: dict[str, str]


def compare_store(
    case: StoreCase, tools: Sequence[Tool], directory: Path, *, n_rounds: int
) -> Iterator[Comparison]:
    """Measure one case with all tools in turn, A B C A B C, each in a fresh directory.

    A first round with next to no data finds the programs into the page cache and is not counted.
    A peer that fails is left out from then on, and the notes say why.

    Yields:
        A comparison for each operation; mlv is the baseline.

    Raises:
        RuntimeError: mlv failed; the message holds what it wrote.
    """
    chosen = [tool for tool in tools if tool.name in case.tools]
    if case.times_files > 1:
        yield from _compare_growth(case, chosen, directory, n_rounds=n_rounds)
        return
    entrants = [Entrant(name=tool.name, case=case, tool=tool) for tool in chosen]
    samples = _take_samples(entrants, directory, n_rounds=n_rounds)
    for operation in case.operations:
        timings = _timings(entrants, samples, operation)
        if timings:
            yield Comparison(
                group=case.group,
                title=operation.title,
                timings=timings,
                limits=_limits(operation, "mlv") if timings[0].name == "mlv" else (),
                notes=tuple(samples.failures.values()),
            )


def find_lack_of_space(case: StoreCase, directory: Path) -> str | None:
    """Say what a case needs more than the file system has, if it does."""
    system = os.statvfs(directory)
    needs_bytes = case.data_set.n_bytes * case.times_files * case.space_factor
    free_bytes = shutil.disk_usage(directory).free
    if needs_bytes > free_bytes:
        return f"needs {format_size(needs_bytes)}, of which {format_size(free_bytes)} are free"
    n_inodes = case.data_set.n_files * case.times_files * _INODES_PER_FILE
    if system.f_files and n_inodes > system.f_favail:
        return f"needs {n_inodes:,} inodes, of which {system.f_favail:,} are free"
    return None


def _compare_growth(
    case: StoreCase, tools: Sequence[Tool], directory: Path, *, n_rounds: int
) -> Iterator[Comparison]:
    """Compare a tool with itself on more files."""
    larger = msgspec.structs.replace(case, data_set=case.data_set.scaled(case.times_files))
    [operation] = case.operations
    for tool in tools:
        entrants = [
            Entrant(name=str(each.data_set), case=each, tool=tool) for each in (case, larger)
        ]
        samples = _take_samples(entrants, directory, n_rounds=n_rounds)
        timings = _timings(entrants, samples, operation)
        if len(timings) == len(entrants):
            yield Comparison(
                group=case.group,
                title=f"{tool.name}: {operation.title}",
                timings=timings,
                limits=_limits(operation, entrants[1].name) if tool.name == "mlv" else (),
            )


def _take_samples(entrants: Sequence[Entrant], directory: Path, *, n_rounds: int) -> Samples:
    samples = Samples(taken={}, failures={})
    for number in range(n_rounds + 1):
        for entrant in entrants:
            if entrant.name in samples.failures:
                continue
            is_warm_up = number == 0
            print(f"round {number} of {n_rounds}: {entrant.name}", file=sys.stderr, flush=True)
            case = entrant.case.scaled(_WARM_UP_SCALE) if is_warm_up else entrant.case
            try:
                for title, sample in make_pass(case, entrant.tool, directory / "pass"):
                    if not is_warm_up:
                        samples.taken.setdefault((entrant.name, title), []).append(sample)
            except RuntimeError as error:
                if entrant.tool.name == "mlv":
                    raise
                samples.failures[entrant.name] = f"failed: {error}".rstrip()
    return samples


def _limits(operation: Operation, name: str) -> tuple[Limit, ...]:
    return tuple(
        Limit(case=name, quantity=quantity, at_most=at_most)
        for quantity, at_most in operation.at_most
    )


def _timings(
    entrants: Sequence[Entrant], samples: Samples, operation: Operation
) -> tuple[Timing, ...]:
    return tuple(
        Timing(name=entrant.name, samples=tuple(taken))
        for entrant in entrants
        if (taken := samples.taken.get((entrant.name, operation.title)))
    )
