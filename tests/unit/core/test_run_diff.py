from __future__ import annotations

import msgspec
import pytest

from mlv.core.environment_diff import EnvironmentDiff
from mlv.core.paths import RepoPath
from mlv.core.run import Goal, MetricPolicy, Run, Tolerance
from mlv.core.run_diff import (
    Direction,
    FileDiff,
    MetricChange,
    ParamChange,
    RunDiff,
    diff_environment_records,
    diff_metrics,
    diff_params,
    diff_runs,
    within,
)
from tests.unit.core.builders import (
    fingerprint,
    make_run,
    metrics,
    output,
    params,
    read_input,
)

NAN = float("nan")
INF = float("inf")


def _measured(
    value: float | None, name: str = "accuracy", policy: MetricPolicy | None = None
) -> Run:
    values = {} if value is None else {name: value}
    policies = {} if policy is None else {name: policy}
    return make_run(metrics=metrics(values), metric_policies=policies)


@pytest.mark.parametrize(
    ("old", "new", "direction"),
    [
        (0.8, 0.9, "better"),
        (0.9, 0.8, "worse"),
        (1, 2, "better"),
        (-INF, 0.0, "better"),
        (0.9, NAN, "unknown"),
        (NAN, 0.9, "unknown"),
        (None, 0.9, "unknown"),
        (0.9, None, "unknown"),
    ],
)
def test_metric_that_differs_is_listed(
    old: float | None, new: float | None, direction: Direction
) -> None:
    (change,) = diff_metrics(_measured(old), _measured(new))
    assert repr(change) == repr(
        MetricChange(name="accuracy", old=old, new=new, direction=direction)
    )


@pytest.mark.parametrize(
    ("old", "new"), [(0.5, 0.5), (1, 1.0), (NAN, NAN), (INF, INF), (0.0, -0.0), (None, None)]
)
def test_metric_that_is_the_same_is_not_listed(old: float | None, new: float | None) -> None:
    assert diff_metrics(_measured(old), _measured(new)) == ()


@pytest.mark.parametrize(
    ("name", "goal", "direction"),
    [
        ("depth", None, "unknown"),
        ("depth", "minimize", "worse"),
        ("depth", "maximize", "better"),
        ("loss", None, "worse"),
        ("loss", "maximize", "better"),
    ],
)
def test_stated_goal_comes_before_the_guess(
    name: str, goal: Goal | None, direction: Direction
) -> None:
    policy = MetricPolicy(goal=goal)
    old, new = _measured(1.0, name, policy), _measured(2.0, name, policy)
    assert [change.direction for change in diff_metrics(old, new)] == [direction]


@pytest.mark.parametrize(
    ("old", "new", "tolerance", "expected"),
    [
        (1.0, 1.1, None, None),
        (1.0, 1.1, Tolerance(abs=0.2), True),
        (1.0, 1.1, Tolerance(abs=0.05), False),
        (None, 1.1, Tolerance(abs=9.0), None),
    ],
)
def test_tolerance_of_the_project_is_told(
    old: float | None, new: float, tolerance: Tolerance | None, *, expected: bool | None
) -> None:
    (change,) = diff_metrics(
        _measured(old), _measured(new, policy=MetricPolicy(tolerance=tolerance))
    )
    assert change.within_tolerance is expected


def test_policy_of_the_newer_run_holds() -> None:
    old = _measured(1.0, "x", MetricPolicy(goal="minimize"))
    new = _measured(2.0, "x", MetricPolicy(goal="maximize"))
    assert diff_metrics(old, new)[0].direction == "better"


@pytest.mark.parametrize(("old", "new", "delta"), [(1.0, 3.0, 2.0), (None, 3.0, None)])
def test_delta_is_new_less_old(old: float | None, new: float, delta: float | None) -> None:
    change = MetricChange(name="x", old=old, new=new, direction="unknown")
    assert change.delta == delta


@pytest.mark.parametrize(
    ("old", "new", "tolerance", "expected"),
    [
        (1.0, 1.0, Tolerance(), True),
        (1.0, 1.0 + 1e-15, Tolerance(), False),
        (100.0, 101.0, Tolerance(rel=0.01), True),
        (100.0, 99.0, Tolerance(rel=0.01), True),
        (100.0, 101.5, Tolerance(rel=0.01), False),
        (100.0, 98.5, Tolerance(rel=0.01), False),
        (-100.0, -101.0, Tolerance(rel=0.01), True),
        (0.0, 1e-9, Tolerance(rel=0.5), False),
        (0.0, 1e-9, Tolerance(abs=1e-8), True),
        (100.0, 102.0, Tolerance(abs=1.0, rel=0.01), True),
        (NAN, NAN, Tolerance(), True),
        (NAN, 1.0, Tolerance(abs=INF), False),
        (1.0, INF, Tolerance(abs=INF), False),
        (INF, INF, Tolerance(), True),
        (INF, -INF, Tolerance(rel=2.0), False),
    ],
)
def test_within_is_two_sided(
    old: float, new: float, tolerance: Tolerance, *, expected: bool
) -> None:
    assert within(old, new, tolerance) is expected


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (1, 1.0),
        (1, True),
        (0, False),
        (1.0, True),
        (1, "1"),
        (None, "null"),
        (None, 0),
        ([1, 2], [2, 1]),
        ([], {}),
        (1e-05, 1e-06),
    ],
)
def test_params_differ_in_type_too(old: object, new: object) -> None:
    changes = diff_params(make_run(params=params({"x": old})), make_run(params=params({"x": new})))
    assert changes == (ParamChange(name="x", old=old, new=new, in_old=True, in_new=True),)


def test_absent_param_is_not_null() -> None:
    old, new = make_run(params=params({"x": None})), make_run(params=params({"y": None}))
    assert diff_params(old, new) == (
        ParamChange(name="x", old=None, new=None, in_old=True, in_new=False),
        ParamChange(name="y", old=None, new=None, in_old=False, in_new=True),
    )


def test_params_are_compared_by_their_flat_names() -> None:
    old = make_run(params=params({"train": {"lr": 0.1, "steps": 5}, "a.b": 1}))
    new = make_run(params=params({"train": {"steps": 5, "lr": 0.2}, "a": {"b": 1}}))
    assert diff_params(old, new) == (
        ParamChange(name="a.b", old=None, new=1, in_old=False, in_new=True),
        ParamChange(name=r"a\.b", old=1, new=None, in_old=True, in_new=False),
        ParamChange(name="train.lr", old=0.1, new=0.2, in_old=True, in_new=True),
    )


def test_param_of_a_flag_hides_that_of_a_file() -> None:
    both = make_run(params=(*params({"lr": 0.1}), *params({"lr": 0.2}, "command")))
    flag = make_run(params=params({"lr": 0.2}, "command"))
    assert diff_params(both, flag) == ()


def test_runs_differ_part_by_part() -> None:
    old = make_run(
        1,
        inputs=(read_input("data.csv", b"1"), read_input("same.csv", b"s")),
        outputs=(output("model.pt", b"1"),),
    )
    new = make_run(
        2,
        inputs=(read_input("data.csv", b"2"), read_input("same.csv", b"s")),
        outputs=(output("model.pt", b"1"), output("plot.png", b"p")),
        command=msgspec.structs.replace(old.command, argv=("make",)),
    )
    assert diff_runs(old, new) == RunDiff(
        old="run-1",
        new="run-2",
        files=(
            FileDiff(
                path=RepoPath("data.csv"),
                role="input",
                old=fingerprint(b"1"),
                new=fingerprint(b"2"),
            ),
            FileDiff(path=RepoPath("plot.png"), role="output", old=None, new=fingerprint(b"p")),
        ),
        environment=EnvironmentDiff(),
        command=(("python", "train.py"), ("make",)),
    )


def test_input_that_is_unknown_in_both_runs_may_differ() -> None:
    run = make_run(inputs=(read_input("data.csv", None),))
    assert diff_runs(run, run).files == (
        FileDiff(path=RepoPath("data.csv"), role="input", old=None, new=None),
    )


def test_command_in_another_directory_differs() -> None:
    old = make_run()
    command = msgspec.structs.replace(old.command, directory=RepoPath("src"))
    diff = diff_runs(old, make_run(command=command))
    assert diff.command == (old.command.argv, old.command.argv)
    assert not diff.empty


def test_diff_of_a_run_with_itself_is_empty() -> None:
    run = make_run(metrics=metrics({"loss": NAN}), params=params({"x": None}))
    assert diff_runs(run, run).empty


def test_environment_that_is_not_known_does_not_differ() -> None:
    assert diff_environment_records(None, None) == EnvironmentDiff()
