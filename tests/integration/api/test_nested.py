"""Runs inside a run: recorded each by itself, whatever happens to the one around them."""

from __future__ import annotations

import re

import pytest

from tests.integration.api.scripts import MODES, by_name, execute, params_of
from tests.support.repository import Repository

_SWEEP = """\
import mlv
with mlv.start_run("sweep", params={"model": "mlp"}) as sweep:
    for lr in (0.1, 0.2):
        with mlv.start_run(nested=True, params={"lr": lr}, tags=["trial"], note="hm") as trial:
            assert mlv.active_run() is trial
            mlv.log({"accuracy": lr})
            trial.log_text("note", f"lr {lr}")
            with open(f"model-{lr}.bin", "w") as file:
                file.write("weights")
            trial.log_artifact(f"model-{lr}.bin")
            with mlv.start_run("deep", nested=True) as deep:
                mlv.log({"x": 1})
    assert mlv.active_run() is sweep
    mlv.log({"best": 0.2})
"""


@pytest.mark.parametrize("mode", MODES)
def test_nested_runs_are_runs_of_their_own(repo: Repository, mode: str) -> None:
    assert execute(repo, _SWEEP, mode=mode).stderr == ""
    sweep, first, first_deep, second, second_deep = repo.runs()
    assert (sweep.name, sweep.parent, list(sweep.metrics)) == ("sweep", None, ["best"])
    assert [(run.name, run.parent, run.status) for run in (first, second)] == [
        ("sweep.1", sweep.id, "finished"),
        ("sweep.2", sweep.id, "finished"),
    ]
    assert [(run.name, run.parent) for run in (first_deep, second_deep)] == [
        ("deep", first.id),
        ("deep", second.id),
    ]
    assert (params_of(first), params_of(second)) == ({"lr": 0.1}, {"lr": 0.2})
    assert (first.tags, first.note, list(first.attachments)) == (("trial",), "hm", ["note.txt"])
    assert first.series["accuracy"].values == (0.1,)
    assert [each.path for each in first.outputs] == ["model-0.1.bin"]
    assert [each.path for each in sweep.outputs] == ["model-0.1.bin", "model-0.2.bin"]
    same = [(run.command, run.code, run.environment, run.inputs) for run in repo.runs()]
    assert same == [same[0]] * 5


def test_nested_runs_are_listed_behind_the_one_around_them(repo: Repository) -> None:
    execute(repo, _SWEEP)
    lines = repo.mlv("log").stdout.splitlines()[1:]
    names = [re.split(r"  +", line)[1] for line in lines]
    assert names == ["sweep", "> sweep.2", ">> deep", "> sweep.1", ">> deep"]
    listed = repo.mlv("log", "--json").json["runs"]
    parents = {run["name"]: run["parent"] for run in listed}
    assert parents["sweep.1"] == repo.find("sweep").id


def test_best_means_a_nested_run_and_last_does_not(repo: Repository) -> None:
    execute(repo, _SWEEP)
    assert (repo.find("best:accuracy").name, repo.find("last").name) == ("sweep.2", "sweep")
    assert repo.find("HEAD").name == "sweep"


def test_nested_run_that_fails_does_not_fail_the_one_around_it(repo: Repository) -> None:
    script = """\
    import mlv
    with mlv.start_run("sweep"):
        try:
            with mlv.start_run("bad", nested=True):
                raise ValueError
        except ValueError:
            pass
        forgotten = mlv.start_run("forgotten", nested=True)
    """
    execute(repo, script)
    assert {run.name: run.status for run in repo.runs()} == {
        "sweep": "finished",
        "bad": "failed",
        "forgotten": "finished",
    }


def test_nested_run_whose_process_died_is_lost(repo: Repository) -> None:
    script = """\
    import os
    import mlv
    with mlv.start_run("sweep"):
        if not os.fork():
            mlv.start_run("killed", nested=True)
            os._exit(1)
        os.wait()
    """
    execute(repo, script, mode="inside mlv run")
    assert {run.name: run.status for run in repo.runs()} == {"sweep": "finished", "killed": "lost"}


def test_output_that_the_next_nested_run_overwrites_is_not_taken_for_its_own(
    repo: Repository,
) -> None:
    script = """\
    import mlv
    with mlv.start_run("sweep"):
        for name in ("first", "second"):
            with mlv.start_run(name, nested=True):
                with open("model.bin", "w") as file:
                    file.write(name)
                mlv.log_artifact("model.bin")
    """
    execute(repo, script)
    runs = by_name(repo.runs())
    assert (runs["first"].outputs, len(runs["first"].problems)) == ((), 1)
    assert runs["first"].problems[0].startswith("output model.bin was written again after this run")
    assert ([each.path for each in runs["second"].outputs], runs["second"].problems) == (
        ["model.bin"],
        (),
    )


@pytest.mark.parametrize("n_published", [0, 1, 2])
def test_death_between_two_publications_is_mended_without_duplicates(
    repo: Repository, n_published: int
) -> None:
    script = f"""\
    import os
    import mlv
    import mlv.app.record.seal as seal

    n_published, publish = 0, seal.publish

    def publish_or_die(*arguments):
        global n_published
        if n_published == {n_published}:
            os._exit(9)
        n_published += 1
        publish(*arguments)

    seal.publish = publish_or_die
    with mlv.start_run("sweep"):
        for number in (1, 2):
            with mlv.start_run(nested=True, params={{"number": number}}):
                pass
    """
    assert execute(repo, script).code == 9
    assert len(repo.runs()) == n_published
    assert repo.mlv("recover").stdout == "sealed run sweep as finished\n"
    assert [(run.name, run.status) for run in repo.runs()] == [
        ("sweep", "finished"),
        ("sweep.1", "finished"),
        ("sweep.2", "finished"),
    ]
    assert list((repo.root / ".mlv/live").iterdir()) == []


def test_runs_one_after_the_other_inside_mlv_run_are_nested_but_the_first(repo: Repository) -> None:
    script = """\
    import mlv
    for lr in (0.1, 0.2, 0.3):
        with mlv.start_run(f"lr{lr}", params={"lr": lr}):
            pass
    """
    execute(repo, script, mode="inside mlv run")
    first, *others = repo.runs()
    assert (first.name, params_of(first)["lr"]) == ("lr0.1", 0.1)
    assert [(run.name, run.parent) for run in others] == [
        ("lr0.2", first.id),
        ("lr0.3", first.id),
    ]
