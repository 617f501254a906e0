"""The verdict on a reproduction: what was compared, and what came out.

Source: docs/explanation/reproducing.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from mlv.core.paths import RepoPath
from mlv.core.run import Run, Tolerance
from mlv.core.run_diff import within
from mlv.core.scalars import number_of, same_number

Verdict = Literal["identical", "equivalent", "diverged", "cannot-run", "inconclusive", "failed"]

Result = Literal["identical", "equivalent", "different", "missing", "extra"]

EXIT_CODES: Mapping[Verdict, int] = {
    "identical": 0,
    "equivalent": 0,
    "diverged": 1,
    "cannot-run": 3,
    "inconclusive": 4,
    "failed": 5,
}


class TolerancePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Which tolerance holds for a metric, and where it came from.

    Attributes:
        flag: From the command line; holds for every metric and before all others.
    """

    flag: Tolerance | None = None

    def of(self, metric: str, original: Run) -> tuple[Tolerance, str]:
        """Return the tolerance of a metric, and the words for its source."""
        if self.flag is not None:
            return self.flag, "flag"
        policy = original.metric_policies.get(metric)
        if policy is not None and policy.tolerance is not None:
            return policy.tolerance, "recorded with the run"
        return Tolerance(), "exact"


class MetricComparison(msgspec.Struct, frozen=True, kw_only=True):
    """One metric of the recorded run beside that of the reproduction."""

    name: str
    recorded: float | None
    reproduced: float | None
    result: Result
    tolerance: Tolerance
    tolerance_source: str
    first_different_step: int | None = None


class OutputComparison(msgspec.Struct, frozen=True, kw_only=True):
    """One output of the recorded run beside that of the reproduction, bit by bit."""

    path: RepoPath
    result: Result


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was compared, and the verdict."""

    verdict: Verdict
    metrics: tuple[MetricComparison, ...]
    outputs: tuple[OutputComparison, ...]
    reasons: tuple[str, ...] = ()


def compare_reproduction(original: Run, reproduced: Run, tolerances: TolerancePolicy) -> Comparison:
    """Compare a reproduction with the run that it repeats.

    Metrics are compared two-sided, outputs bit by bit and in both directions.
    A metrics file whose bytes differ is no worse than `equivalent`: its numbers
    are compared as metrics, so that a tolerance can hold for them.

    Returns:
        `failed` when the command ended otherwise than recorded; `inconclusive` when
        there is nothing to compare; `diverged` when any comparison fails;
        `equivalent` when all pass but not all are exact; else `identical`.
    """
    metrics = _compare_metrics(original, reproduced, tolerances)
    outputs = _compare_outputs(original, reproduced)
    verdict, reasons = _judge(original, reproduced, metrics, outputs)
    return Comparison(verdict=verdict, metrics=metrics, outputs=outputs, reasons=reasons)


def _judge(
    original: Run,
    reproduced: Run,
    metrics: tuple[MetricComparison, ...],
    outputs: tuple[OutputComparison, ...],
) -> tuple[Verdict, tuple[str, ...]]:
    ends = (original.exit_code, original.signal), (reproduced.exit_code, reproduced.signal)
    if ends[0] != ends[1]:
        return "failed", (f"the command {_end(reproduced)}; when recorded it {_end(original)}",)
    results = [metric.result for metric in metrics] + [output.result for output in outputs]
    if not results:
        return "inconclusive", ("the run has neither metrics nor outputs to compare",)
    bad = {"different", "missing", "extra"}
    failed = [f"metric {m.name} is {m.result}" for m in metrics if m.result in bad]
    failed += [f"output {o.path} is {o.result}" for o in outputs if o.result in bad]
    if failed:
        return "diverged", tuple(failed)
    return ("equivalent" if "equivalent" in results else "identical"), ()


def _compare_metrics(
    original: Run, reproduced: Run, tolerances: TolerancePolicy
) -> tuple[MetricComparison, ...]:
    rows = []
    for name in sorted(original.metrics.keys() | reproduced.metrics.keys()):
        tolerance, source = tolerances.of(name, original)
        old = original.metrics.get(name)
        new = reproduced.metrics.get(name)
        recorded = None if old is None else number_of(old.value)
        value = None if new is None else number_of(new.value)
        step = _first_different_step(original, reproduced, name, tolerance)
        rows.append(
            MetricComparison(
                name=name,
                recorded=recorded,
                reproduced=value,
                result=_compare_numbers(recorded, value, tolerance, step),
                tolerance=tolerance,
                tolerance_source=source,
                first_different_step=step,
            )
        )
    return tuple(rows)


def _compare_numbers(
    old: float | None, new: float | None, tolerance: Tolerance, step: int | None
) -> Result:
    if old is None:
        return "extra"
    if new is None:
        return "missing"
    if step is not None or not within(old, new, tolerance):
        return "different"
    return "identical" if same_number(old, new) else "equivalent"


def _first_different_step(
    original: Run, reproduced: Run, name: str, tolerance: Tolerance
) -> int | None:
    old, new = original.series.get(name), reproduced.series.get(name)
    if old is None or new is None:
        return None
    before = dict(zip(old.steps, old.values, strict=True))
    after = dict(zip(new.steps, new.values, strict=True))
    for step in sorted(before.keys() | after.keys()):
        if step not in before or step not in after:
            return step
        if not within(number_of(before[step]), number_of(after[step]), tolerance):
            return step
    return None


def _compare_outputs(original: Run, reproduced: Run) -> tuple[OutputComparison, ...]:
    metrics_files = {metric.source for metric in original.metrics.values()}
    old = {each.path: each.fingerprint for each in original.outputs}
    new = {each.path: each.fingerprint for each in reproduced.outputs}
    rows = []
    for path in sorted(old.keys() | new.keys()):
        result: Result = "identical"
        if path not in new:
            result = "missing"
        elif path not in old:
            result = "extra"
        elif old[path] != new[path]:
            result = "equivalent" if path in metrics_files else "different"
        rows.append(OutputComparison(path=path, result=result))
    return tuple(rows)


def _end(run: Run) -> str:
    return f"was ended by signal {run.signal}" if run.signal else f"ended with {run.exit_code}"
