from __future__ import annotations

import re

import pytest

from mlv.core.ids import RunId
from mlv.core.run import Run
from mlv.core.run_ref import RunSet, resolve_run
from mlv.errors import AmbiguousRunError, MlvError, NoSuchRunError, UsageError
from tests.unit.core.builders import make_run, metrics

NAN = float("nan")

FIRST = make_run(
    1,
    id=RunId("01kb3v9aaaaaaaaaaaaaaaaaaa"),
    name="calm-otter",
    tags=("baseline",),
    metrics=metrics({"accuracy": 0.9, "loss": 0.5, "depth": 3, "f1": NAN}),
)
SECOND = make_run(
    2,
    id=RunId("01kb3v9bbbbbbbbbbbbbbbbbbb"),
    name="bold-fox",
    tags=("baseline", "wide"),
    metrics=metrics({"accuracy": 0.95, "loss": 0.6, "depth": 5}),
)
THIRD = make_run(
    3,
    id=RunId("01kb3v9bcccccccccccccccccc"),
    name="twin",
    metrics=metrics({"accuracy": NAN, "loss": 0.5, "f1": 0.2}),
)
AGAIN = make_run(
    4,
    id=RunId("01kb3w0ddddddddddddddddddd"),
    name="twin",
    kind="reproduction",
    tags=("wide",),
    metrics=metrics({"accuracy": 1.0, "loss": 0.0}),
)
KNOWN = RunSet(runs=(FIRST, SECOND, THIRD, AGAIN), goals={"depth": "minimize", "loss": "maximize"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("last", THIRD),
        ("last~0", THIRD),
        ("last~", SECOND),
        ("last~1", SECOND),
        ("last~2", FIRST),
        ("best:accuracy", SECOND),
        ("worst:accuracy", FIRST),
        ("best:depth", FIRST),
        ("worst:depth", SECOND),
        ("best:loss", SECOND),
        ("worst:loss", FIRST),
        ("best:f1", THIRD),
        ("tag:baseline", SECOND),
        ("tag:wide", SECOND),
        ("calm-otter", FIRST),
        ("01kb3v9a", FIRST),
        ("01KB3V9A", FIRST),
        ("01kb3w0", AGAIN),
        (AGAIN.id, AGAIN),
    ],
)
def test_reference_means_one_run(text: str, expected: Run) -> None:
    assert resolve_run(text, KNOWN) == expected


def test_name_comes_before_the_beginning_of_an_id() -> None:
    named = make_run(9, name="01kb3v9")
    assert resolve_run("01kb3v9", RunSet(runs=(FIRST, named))) == named


@pytest.mark.parametrize(
    ("text", "kind", "message", "hint"),
    [
        (
            "last~3",
            NoSuchRunError,
            "there is no run 'last~3': only 3 runs are recorded",
            "list them with `mlv log`",
        ),
        (
            "calm-oter",
            NoSuchRunError,
            "there is no run 'calm-oter'",
            "did you mean 'calm-otter'?",
        ),
        ("zzz", NoSuchRunError, "there is no run 'zzz'", "list runs with `mlv log`"),
        ("", NoSuchRunError, "there is no run ''", "list runs with `mlv log`"),
        ("tag:none", NoSuchRunError, "no run has the tag 'none'", "list runs with `mlv log`"),
        (
            "best:accuracies",
            NoSuchRunError,
            "no run has a value of the metric 'accuracies'",
            "did you mean 'accuracy'?",
        ),
        (
            "twin",
            AmbiguousRunError,
            "run 'twin' is ambiguous: it matches 01kb3v9bc (twin) and 01kb3w0 (twin)",
            "give more characters, or list runs with `mlv log --limit 20`",
        ),
        (
            "01kb3v9",
            AmbiguousRunError,
            (
                "run '01kb3v9' is ambiguous: it matches "
                "01kb3v9a (calm-otter), 01kb3v9bb (bold-fox) and 01kb3v9bc (twin)"
            ),
            "give more characters, or list runs with `mlv log --limit 20`",
        ),
    ],
)
def test_reference_that_means_no_single_run_is_refused(
    text: str, kind: type[MlvError], message: str, hint: str
) -> None:
    with pytest.raises(kind, match=re.escape(message)) as caught:
        resolve_run(text, KNOWN)
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_best_of_a_metric_without_goal_asks_for_one() -> None:
    runs = RunSet(runs=(make_run(1, metrics=metrics({"depth": 3})),))
    with pytest.raises(UsageError, match="whether a high or a low 'depth' is better") as caught:
        resolve_run("best:depth", runs)
    assert caught.value.hint == "say so in mlv.yaml: metrics: {depth: {goal: maximize}}"


def test_metric_that_is_nan_in_every_run_has_no_best() -> None:
    runs = RunSet(runs=(make_run(1, metrics=metrics({"accuracy": NAN})),))
    with pytest.raises(NoSuchRunError, match="no run has a value of the metric 'accuracy'"):
        resolve_run("best:accuracy", runs)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("last", "there is no run 'last': no run is recorded yet"),
        ("calm-otter", "there is no run 'calm-otter': no run is recorded yet"),
    ],
)
def test_reference_in_an_empty_store_says_how_to_begin(text: str, message: str) -> None:
    with pytest.raises(NoSuchRunError) as caught:
        resolve_run(text, RunSet(runs=()))
    assert caught.value.message == message
    assert caught.value.hint == "record one with `mlv run COMMAND`"


def test_last_counts_one_run_in_words() -> None:
    with pytest.raises(NoSuchRunError, match="only 1 run is recorded"):
        resolve_run("last~1", RunSet(runs=(FIRST,)))


def test_many_candidates_are_counted() -> None:
    runs = RunSet(runs=tuple(make_run(number, name="same") for number in range(1, 9)))
    with pytest.raises(AmbiguousRunError, match=r"\(same\) and 3 more$"):
        resolve_run("same", runs)
