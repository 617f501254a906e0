from __future__ import annotations

from typing import Any

import pytest

from mlv.core.paths import RepoPath
from mlv.core.run import MetricPolicy, Run, Tolerance
from mlv.core.verdict import (
    EXIT_CODES,
    Comparison,
    MetricComparison,
    OutputComparison,
    Result,
    TolerancePolicy,
    Verdict,
    compare_reproduction,
)
from tests.unit.core.builders import make_run, metrics, output, series

EXACT = TolerancePolicy()
NAN = float("nan")


def _metric_result(old: float | None, new: float | None, tolerance: Tolerance) -> Result:
    comparison = compare_reproduction(
        make_run(metrics={} if old is None else metrics({"x": old})),
        make_run(metrics={} if new is None else metrics({"x": new})),
        TolerancePolicy(flag=tolerance),
    )
    return comparison.metrics[0].result


@pytest.mark.parametrize(
    ("original", "reproduced", "verdict", "reasons"),
    [
        (
            {"metrics": metrics({"x": 1.0}), "outputs": (output("model.pt", b"1"),)},
            {"metrics": metrics({"x": 1.0}), "outputs": (output("model.pt", b"1"),)},
            "identical",
            (),
        ),
        (
            {"metrics": metrics({"x": 1.0}), "outputs": (output("metrics.json", b"1"),)},
            {"metrics": metrics({"x": 1.0}), "outputs": (output("metrics.json", b"2"),)},
            "equivalent",
            (),
        ),
        (
            {"metrics": metrics({"x": 1.0}), "outputs": (output("model.pt", b"1"),)},
            {"metrics": metrics({"x": 1.0}), "outputs": (output("model.pt", b"2"),)},
            "diverged",
            ("output model.pt is different",),
        ),
        (
            {"outputs": (output("a", b""), output("metrics.json", b""))},
            {"outputs": (output("b", b""), output("metrics.json", b""))},
            "diverged",
            ("output a is missing", "output b is extra"),
        ),
        (
            {"metrics": metrics({"a": 1.0, "b": 1.0})},
            {"metrics": metrics({"b": 2.0, "c": 1.0})},
            "diverged",
            ("metric a is missing", "metric b is different", "metric c is extra"),
        ),
        (
            {},
            {},
            "inconclusive",
            ("the run has neither metrics nor outputs to compare",),
        ),
        (
            {"metrics": metrics({"x": 1.0})},
            {"metrics": metrics({"x": 1.0}), "exit_code": 2},
            "failed",
            ("the command ended with 2; when recorded it ended with 0",),
        ),
        (
            {"metrics": metrics({"x": 1.0})},
            {"metrics": metrics({"x": 1.0}), "exit_code": None, "signal": 9},
            "failed",
            ("the command was ended by signal 9; when recorded it ended with 0",),
        ),
        (
            {"metrics": metrics({"x": 1.0}), "exit_code": 3},
            {"metrics": metrics({"x": 1.0}), "exit_code": 3},
            "identical",
            (),
        ),
    ],
)
def test_verdict_follows_from_what_was_compared(
    original: dict[str, Any], reproduced: dict[str, Any], verdict: Verdict, reasons: tuple[str, ...]
) -> None:
    found = compare_reproduction(make_run(**original), make_run(**reproduced), EXACT)
    assert (found.verdict, found.reasons) == (verdict, reasons)


def test_comparison_names_everything_that_was_compared() -> None:
    original = make_run(
        metrics=metrics({"loss": 1.0}),
        outputs=(output("metrics.json", b"1"), output("model.pt", b"m")),
    )
    reproduced = make_run(
        metrics=metrics({"loss": 1.01}),
        outputs=(output("metrics.json", b"2"), output("model.pt", b"m")),
    )
    tolerance = Tolerance(rel=0.02)
    assert compare_reproduction(
        original, reproduced, TolerancePolicy(flag=tolerance)
    ) == Comparison(
        verdict="equivalent",
        metrics=(
            MetricComparison(
                name="loss",
                recorded=1.0,
                reproduced=1.01,
                result="equivalent",
                tolerance=tolerance,
                tolerance_source="flag",
            ),
        ),
        outputs=(
            OutputComparison(path=RepoPath("metrics.json"), result="equivalent"),
            OutputComparison(path=RepoPath("model.pt"), result="identical"),
        ),
    )


@pytest.mark.parametrize(
    ("old", "new", "tolerance", "result"),
    [
        (1.0, 1.0, Tolerance(), "identical"),
        (1.0, 1.0, Tolerance(abs=1.0), "identical"),
        (1.0, 1.1, Tolerance(abs=0.2), "equivalent"),
        (1.0, 0.9, Tolerance(abs=0.2), "equivalent"),
        (1.0, 1.3, Tolerance(abs=0.2), "different"),
        (1.0, 0.7, Tolerance(abs=0.2), "different"),
        (NAN, NAN, Tolerance(), "identical"),
        (1.0, NAN, Tolerance(abs=9.0), "different"),
        (1.0, None, Tolerance(abs=9.0), "missing"),
        (None, 1.0, Tolerance(abs=9.0), "extra"),
    ],
)
def test_metric_is_compared_on_both_sides(
    old: float | None, new: float | None, tolerance: Tolerance, result: Result
) -> None:
    assert _metric_result(old, new, tolerance) == result


@pytest.mark.parametrize(
    ("flag", "policy", "tolerance", "source"),
    [
        (None, None, Tolerance(), "exact"),
        (None, MetricPolicy(goal="minimize"), Tolerance(), "exact"),
        (
            None,
            MetricPolicy(tolerance=Tolerance(abs=0.1)),
            Tolerance(abs=0.1),
            "recorded with the run",
        ),
        (Tolerance(), MetricPolicy(tolerance=Tolerance(abs=0.1)), Tolerance(), "flag"),
    ],
)
def test_tolerance_comes_from_the_flag_then_from_the_record(
    flag: Tolerance | None, policy: MetricPolicy | None, tolerance: Tolerance, source: str
) -> None:
    run = make_run(metric_policies={"x": policy} if policy else {})
    assert TolerancePolicy(flag=flag).of("x", run) == (tolerance, source)


@pytest.mark.parametrize(
    ("old", "new", "step", "result"),
    [
        ({0: 3.0, 1: 2.0}, {0: 3.0, 1: 2.0}, None, "identical"),
        ({0: 3.0, 1: 2.0}, {0: 3.05, 1: 2.0}, None, "identical"),
        ({0: 3.0, 1: 2.0, 2: 1.0}, {0: 3.0, 1: 2.5, 2: 9.0}, 1, "different"),
        ({0: 3.0, 1: 2.0}, {0: 3.0}, 1, "different"),
        ({0: 3.0}, {0: 3.0, 1: 2.0}, 1, "different"),
        ({5: 3.0}, {0: 3.0, 5: 3.0}, 0, "different"),
        ({0: NAN}, {0: NAN}, None, "identical"),
        ({0: 1.0}, {0: NAN}, 0, "different"),
    ],
    ids="same within value shorter longer earlier nan becomes-nan".split(),
)
def test_first_step_that_differs_is_found(
    old: dict[int, float], new: dict[int, float], step: int | None, result: Result
) -> None:
    def run(values: dict[int, float]) -> Run:
        return make_run(metrics=metrics({"x": 1.0}), series={"x": series(values)})

    policy = TolerancePolicy(flag=Tolerance(abs=0.1))
    (found,) = compare_reproduction(run(old), run(new), policy).metrics
    assert (found.first_different_step, found.result) == (step, result)


def test_metrics_file_that_is_missing_is_no_equivalent() -> None:
    original = make_run(metrics=metrics({"x": 1.0}), outputs=(output("metrics.json", b"1"),))
    found = compare_reproduction(original, make_run(metrics=metrics({"x": 1.0})), EXACT)
    assert found.reasons == ("output metrics.json is missing",)


def test_every_verdict_has_its_exit_code() -> None:
    assert EXIT_CODES == {
        "identical": 0,
        "equivalent": 0,
        "diverged": 1,
        "cannot-run": 3,
        "inconclusive": 4,
        "failed": 5,
    }
