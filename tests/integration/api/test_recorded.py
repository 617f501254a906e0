"""`@mlv.record`: each call of a function is a run."""

from __future__ import annotations

import pytest

import mlv
from mlv.errors import UsageError
from tests.integration.api.scripts import MODES, by_name, execute, params_of
from tests.support.repository import Repository

_SCRIPT = """\
import mlv

@mlv.record
def train(lr, *rest, depth=3, **more):
    "Train a model."
    mlv.log({"loss": lr})
    return {"accuracy": lr * 2, "model": object(), "test": {"f1": 1}}

@mlv.record(name="broken", tags=["bad"], note="hm")
def fail(x):
    raise ValueError("no data")

class Model:
    @mlv.record(name="fit")
    def fit(self, x, y=2):
        return 5

    @classmethod
    @mlv.record(name="load")
    def load(cls, path):
        return {}

if __name__ == "__main__":
    assert (train.__name__, train.__doc__) == ("train", "Train a model.")
    with mlv.start_run("outer"):
        assert train(0.1, 7, seed=1)["accuracy"] == 0.2
        try:
            fail([1])
        except ValueError as error:
            print(error)
        assert Model().fit(1) == 5
        Model.load("x")
"""


@pytest.mark.parametrize("mode", MODES)
def test_call_is_a_nested_run(repo: Repository, mode: str) -> None:
    done = execute(repo, _SCRIPT, mode=mode)
    assert (done.stdout, done.stderr) == ("no data\n", "")
    runs = by_name(repo.runs())
    train, broken = runs["outer.1"], runs["broken"]
    assert params_of(train) == {"lr": 0.1, "rest": [7], "depth": 3, "seed": 1}
    assert {name: each.value for name, each in train.metrics.items()} == {
        "accuracy": 0.2,
        "loss": 0.1,
        "test/f1": 1,
    }
    assert (broken.status, broken.tags, broken.note, params_of(broken)) == (
        "failed",
        ("bad",),
        "hm",
        {"x": [1]},
    )
    assert (params_of(runs["fit"]), params_of(runs["load"])) == ({"x": 1, "y": 2}, {"path": "x"})


def test_call_outside_a_run_is_a_run(repo: Repository) -> None:
    script = """\
    import mlv
    @mlv.record
    def train(lr):
        return {"accuracy": lr}
    train(0.3)
    """
    assert execute(repo, script).stderr == ""
    (run,) = repo.runs()
    assert (params_of(run), run.metrics["accuracy"].value, run.parent) == ({"lr": 0.3}, 0.3, None)


def test_wrong_call_fails_as_it_would_without_mlv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLV_DISABLED", "1")

    @mlv.record
    def train(lr: float) -> float:
        return lr

    with pytest.raises(TypeError, match="missing 1 required positional argument: 'lr'"):
        train()  # type: ignore[call-arg]  # that is the test


def test_generator_is_refused() -> None:
    with pytest.raises(TypeError, match=r"cannot record the generator function '.*steps'"):

        @mlv.record
        def steps() -> object:
            yield 1


def test_what_is_no_function_is_refused() -> None:
    with pytest.raises(UsageError, match="5 is no function"):
        mlv.record(5)  # type: ignore[call-overload]  # that is the test
