from __future__ import annotations

import msgspec
import pytest

from mlv.core.goals import guess_goal
from mlv.core.params import Param, flatten_params
from mlv.core.run import Goal, MetricPolicy, Tolerance
from mlv.core.scalars import Scalar, number_of, same_number, scalar_of
from mlv.core.settings import MetricSetting, Project, ToleranceSetting
from tests.unit.core.builders import params


def test_project_says_what_records_keep_of_a_metric() -> None:
    project = Project(
        metrics={
            "loss": MetricSetting(goal="minimize", tolerance=ToleranceSetting(rel=0.01)),
            "depth": MetricSetting(),
        }
    )
    assert project.policies() == {
        "loss": MetricPolicy(goal="minimize", tolerance=Tolerance(abs=0.0, rel=0.01)),
        "depth": MetricPolicy(),
    }
    assert project.goals() == {"loss": "minimize"}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"metric": {}}, "unknown field `metric`"),
        (
            {"metrics": {"x": {"goal": "max"}}},
            r"Invalid enum value 'max' - at `\$.metrics\[...\].goal`",
        ),
        ({"metrics": {"x": {"tolerance": {"abs": -1}}}}, r"Expected `float` >= 0.0"),
        ({"metrics": {"x": {"tolerance": {"relative": 1}}}}, "unknown field `relative`"),
    ],
)
def test_project_with_a_mistake_is_refused(document: object, message: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=message):
        msgspec.convert(document, Project)


@pytest.mark.parametrize(
    ("metric", "goal"),
    [
        ("accuracy", "maximize"),
        ("val/Accuracy", "maximize"),
        ("test_f1", "maximize"),
        ("R2", "maximize"),
        ("train_loss", "minimize"),
        ("RMSE", "minimize"),
        ("accuracy_loss", "minimize"),
        ("depth", None),
        ("lossless", None),
        ("", None),
    ],
)
def test_goal_is_guessed_from_whole_words(metric: str, goal: Goal | None) -> None:
    assert guess_goal(metric) == goal


@pytest.mark.parametrize(
    ("number", "scalar"),
    [
        (1, 1),
        (2**70, 2**70),
        (-0.5, -0.5),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (float("-inf"), "-inf"),
    ],
)
def test_number_is_kept_as_a_scalar_and_comes_back(number: float, scalar: Scalar) -> None:
    assert scalar_of(number) == scalar
    back = number_of(scalar)
    assert same_number(back, number)
    assert type(back) is type(number)


def test_params_are_flat_sorted_and_know_their_source() -> None:
    sources = (
        *params({"b": {"y": 1, "x": [1, {"z": 2}]}, "a.c": None, "e": {}}),
        *params({"b": {"y": 2}}, "command"),
    )
    assert list(flatten_params(sources).items()) == [
        (r"a\.c", Param(value=None, source="params.yaml")),
        ("b.x", Param(value=[1, {"z": 2}], source="params.yaml")),
        ("b.y", Param(value=2, source="command")),
        ("e", Param(value={}, source="params.yaml")),
    ]
