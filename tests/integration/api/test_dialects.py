"""Both dialects that people know: scripts that use one of them run unchanged."""

from __future__ import annotations

import pytest

from tests.integration.api.scripts import MODES, execute, params_of
from tests.support.repository import Repository

_OTHER_DIALECT = """\
import mlv
run = mlv.init(project="digits", name="baseline", config={"lr": 0.2}, tags=["a"], notes="hm")
run.config.depth = 3
for step, loss in enumerate([0.9, 0.5]):
    mlv.log({"loss": loss})
run.summary["accuracy"] = 0.7
mlv.finish()
"""


@pytest.mark.parametrize("mode", MODES)
def test_script_may_use_the_other_dialect(repo: Repository, mode: str) -> None:
    assert execute(repo, _OTHER_DIALECT, mode=mode).stderr == ""
    (run,) = repo.runs()
    assert (run.name, run.tags, run.note) == ("baseline", ("a", "project=digits"), "hm")
    assert params_of(run) == {"lr": 0.2, "depth": 3}
    assert {name: metric.value for name, metric in run.metrics.items()} == {
        "loss": 0.5,
        "accuracy": 0.7,
    }
    assert run.series["loss"].steps == (0, 1)


def test_second_init_ends_the_run_before_it(repo: Repository) -> None:
    script = """\
    import mlv
    for lr in (0.1, 0.2):
        run = mlv.init(config={"lr": lr})
        mlv.log({"loss": lr})
    """
    assert execute(repo, script).stderr == ""
    assert [(params_of(run)["lr"], run.metrics["loss"].value) for run in repo.runs()] == [
        (0.1, 0.1),
        (0.2, 0.2),
    ]


def test_script_in_the_words_of_weights_and_biases_runs_unchanged(repo: Repository) -> None:
    script = """\
    import argparse
    import mlv as wandb
    config = argparse.Namespace(train={"lr": 0.1})
    labels = {"project": "p", "group": "g", "job_type": "train", "tags": ["a"]}
    run = wandb.init(entity="e", config=config, mode="offline", reinit=True, dir=".", **labels)
    assert run.config.train.lr == 0.1
    run.config.update({"depth": 3}, allow_val_change=True)
    for step in range(2):
        wandb.log({"train/loss": 1.0}, commit=False)
        wandb.log({"accuracy": 0.5})
    run.summary["best"] = 0.5
    run.summary.update({"test": {"f1": 0.25}})
    wandb.finish(exit_code=0)
    """
    assert execute(repo, script).stderr == ""
    (run,) = repo.runs()
    assert run.tags == ("a", "project=p", "group=g", "job_type=train")
    assert params_of(run) == {"lr": 0.1, "depth": 3, "train.lr": 0.1}
    assert {name: each.steps for name, each in run.series.items()} == {
        "accuracy": (0, 1),
        "train/loss": (0, 1),
    }
    assert (run.metrics["best"].value, run.metrics["test/f1"].value) == (0.5, 0.25)


def test_script_in_the_words_of_mlflow_runs_unchanged(repo: Repository) -> None:
    script = """\
    import mlv as mlflow
    with mlflow.start_run(run_name="baseline", description="hm", tags={"team": "a"}) as run:
        mlflow.log_param("depth", 3)
        mlflow.log_params({"opt": {"lr": 0.1}})
        mlflow.log_metric("loss", 0.5, step=7)
        mlflow.log_metrics({"acc": 0.5, "f1": 1}, step=7)
        mlflow.set_tag("stage", "test")
        mlflow.set_tags({"seed": 1})
        with open("model.pkl", "w") as file:
            file.write("weights")
        mlflow.log_artifact("model.pkl", artifact_path="model")
        mlflow.log_dict({"a": 1}, "config.json")
        mlflow.log_table({"x": [1]}, "table.csv")
    mlflow.end_run()
    """
    assert execute(repo, script).stderr == ""
    (run,) = repo.runs()
    assert (run.name, run.note, run.tags) == ("baseline", "hm", ("team=a", "stage=test", "seed=1"))
    assert params_of(run) == {"lr": 0.1, "depth": 3, "opt.lr": 0.1}
    assert {name: (each.value, each.step) for name, each in run.metrics.items()} == {
        "acc": (0.5, 7),
        "f1": (1, 7),
        "loss": (0.5, 7),
    }
    assert (list(run.attachments), [each.path for each in run.outputs]) == (
        ["config.json", "table.csv"],
        ["model.pkl"],
    )


@pytest.mark.parametrize("call", ["start_run(mode='disabled')", "init(mode='disabled')"])
def test_disabled_run_is_not_recorded(bare_repository: Repository, call: str) -> None:
    script = f"import mlv\nwith mlv.{call} as run:\n    run.log({{'loss': 1}})\n"
    done = execute(bare_repository, script)
    assert (done.code, done.stderr) == (0, "")


def test_unknown_mode_is_refused(repo: Repository) -> None:
    done = execute(repo, "import mlv\nmlv.start_run(mode='of')\n")
    assert done.stderr.splitlines()[-2:] == [
        "mlv.errors.UsageError: there is no mode 'of'",
        "hint: choose from online, offline, shared, disabled",
    ]


@pytest.mark.parametrize("call", ["start_run", "init"])
@pytest.mark.parametrize("mode", MODES)
def test_run_that_logging_began_is_taken_over(repo: Repository, call: str, mode: str) -> None:
    script = f"""\
    import mlv
    mlv.log_params(lr=0.1)
    with mlv.{call}(name="late", tags=["a"]):
        mlv.log({{"loss": 1}})
    """
    assert execute(repo, script, mode=mode).stderr == ""
    (run,) = repo.runs()
    assert (run.name, run.tags, list(run.metrics)) == ("late", ("a",), ["loss"])
    assert params_of(run)["lr"] == 0.1


def test_newest_run_of_a_name_is_resumed(repo: Repository) -> None:
    script = """\
    import mlv
    for value in (1, 2):
        with mlv.start_run("live") as run:
            run.log({"loss": value}, step=0)
    with mlv.start_run("more", resume="live") as run:
        run.log({"loss": 3}, step=1)
    """
    assert execute(repo, script).stderr == ""
    _, newer, more = repo.runs()
    assert (more.resumed, more.series["loss"].values) == (newer.id, (2, 3))
