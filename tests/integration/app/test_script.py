"""The Python API: in a script of its own, inside `mlv run`, and in a script's children."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import mlv
from mlv.core.params import flatten_params
from mlv.core.run import Run
from mlv.errors import NoStoreError, UsageError
from tests.support.repository import Repository

_TRAIN = """\
import mlv
with mlv.start_run(name="baseline", tags=["digits"], note="first try", params={"lr": 0.2}) as run:
    for step, loss in enumerate([0.9, 0.5]):
        run.log({"loss": loss}, step=step)
    open("model.pkl", "w").write("weights")
    run.log_artifact("model.pkl")
    run.set_tag("seed", 1)
"""
_OTHER_DIALECT = """\
import mlv
run = mlv.init(project="digits", name="baseline", config={"lr": 0.2}, tags=["a"], notes="hm")
run.config.depth = 3
for step, loss in enumerate([0.9, 0.5]):
    mlv.log({"loss": loss})
run.summary["accuracy"] = 0.7
mlv.finish()
"""


def _execute(repo: Repository, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    repo.write("train.py", script)
    return subprocess.run(
        [sys.executable, "train.py"],
        cwd=repo.root,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def _params(run: Run) -> dict[str, object]:
    return {name: param.value for name, param in flatten_params(run.params).items()}


@pytest.mark.parametrize("attached", [False, True])
def test_script_records_its_run(repo: Repository, attached: bool) -> None:  # noqa: FBT001
    if attached:
        repo.write("train.py", _TRAIN)
        repo.run(sys.executable, "train.py")
    else:
        assert _execute(repo, _TRAIN).stderr == ""
    (run,) = repo.runs()
    assert (run.name, run.tags, run.note, run.status) == (
        "baseline",
        ("digits", "seed=1"),
        "first try",
        "finished",
    )
    assert _params(run) == {"lr": 0.2}
    assert (run.metrics["loss"].value, run.series["loss"].values) == (0.5, (0.9, 0.5))
    assert [each.path for each in run.outputs] == ["model.pkl"]


@pytest.mark.parametrize("attached", [False, True])
def test_script_may_use_the_other_dialect(
    repo: Repository,
    attached: bool,  # noqa: FBT001
) -> None:
    if attached:
        repo.write("train.py", _OTHER_DIALECT)
        repo.run(sys.executable, "train.py")
    else:
        assert _execute(repo, _OTHER_DIALECT).stderr == ""
    (run,) = repo.runs()
    assert (run.name, run.tags, run.note) == ("baseline", ("a", "project=digits"), "hm")
    assert _params(run) == {"lr": 0.2, "depth": 3}
    assert {name: metric.value for name, metric in run.metrics.items()} == {
        "loss": 0.5,
        "accuracy": 0.7,
    }
    assert run.series["loss"].steps == (0, 1)


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("", "finished"),
        ("raise SystemExit", "finished"),
        ("raise SystemExit(0)", "finished"),
        ("raise SystemExit(2)", "failed"),
        ("raise SystemExit('no data')", "failed"),
        ("raise ValueError('no data')", "failed"),
    ],
)
def test_script_with_block_records_how_it_ended(repo: Repository, end: str, status: str) -> None:
    _execute(repo, f"import mlv\nwith mlv.start_run():\n    {end or 'pass'}\n")
    assert [run.status for run in repo.runs()] == [status]


def test_script_that_never_finishes_its_run_is_recorded_at_exit(repo: Repository) -> None:
    _execute(repo, "import mlv\nmlv.log({'loss': 1})\n")
    (run,) = repo.runs()
    assert (run.status, run.metrics["loss"].value) == ("finished", 1.0)


def test_script_that_dies_of_an_exception_is_recorded_as_failed(repo: Repository) -> None:
    done = _execute(repo, "import mlv\nmlv.start_run()\nraise ValueError('no data')\n")
    assert done.stderr.splitlines()[-1] == "ValueError: no data"
    assert [run.status for run in repo.runs()] == ["failed"]


def test_script_refuses_a_second_run_beside_the_first(repo: Repository) -> None:
    done = _execute(repo, "import mlv\nmlv.start_run()\nmlv.start_run()\n")
    last = done.stderr.splitlines()[-1]
    assert last == "mlv.errors.UsageError: a run is active in this process already"


def test_script_may_record_one_run_after_the_other(repo: Repository) -> None:
    script = """\
    import mlv
    for lr in (0.1, 0.2):
        with mlv.start_run(params={"lr": lr}):
            mlv.log({"loss": lr})
    """
    assert _execute(repo, script).stderr == ""
    assert [_params(run)["lr"] for run in repo.runs()] == [0.1, 0.2]


def test_script_records_nothing_when_disabled(bare_repository: Repository) -> None:
    done = _execute(bare_repository, _TRAIN, MLV_DISABLED="1")
    assert (done.returncode, done.stderr) == (0, "")
    assert not (bare_repository.root / ".mlv").exists()


def test_script_without_a_store_says_how_to_make_one(bare_repository: Repository) -> None:
    done = _execute(bare_repository, "import mlv\nmlv.start_run()\n")
    message = f"mlv.errors.NoStoreError: there is no mlv store in {bare_repository.root}"
    assert done.stderr.splitlines()[-1] == message


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("attached", [False, True])
def test_children_of_a_script_log_to_its_run(
    repo: Repository,
    method: str,
    attached: bool,  # noqa: FBT001
) -> None:
    script = f"""\
    import multiprocessing
    import mlv

    def work(rank):
        mlv.log({{f"loss/{{rank}}": rank}}, step=0)

    if __name__ == "__main__":
        with mlv.start_run():
            context = multiprocessing.get_context("{method}")
            children = [context.Process(target=work, args=(rank,)) for rank in (1, 2)]
            for child in children:
                child.start()
            for child in children:
                child.join()
    """
    repo.write("train.py", script)
    if attached:
        repo.run(sys.executable, "train.py")
    else:
        assert _execute(repo, script).stderr == ""
    (run,) = repo.runs()
    assert {name: metric.value for name, metric in run.metrics.items()} == {
        "loss/1": 1.0,
        "loss/2": 2.0,
    }


def test_process_that_outlives_its_run_may_go_on_logging(repo: Repository, tmp_path: Path) -> None:
    gone = str(tmp_path / "gone")
    done = _execute(repo, "import mlv\nmlv.log({'loss': 1})\n", MLV_RUN_DIR=gone)
    assert (done.returncode, done.stderr) == (0, "")


def test_runs_is_a_data_frame(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    for lr in ("0.2", "0.1"):
        repo.shell(f"echo '{{\"loss\": {lr}}}' > metrics.json", name=f"lr{lr}", tags=("a",))
    monkeypatch.chdir(repo.root)
    frame = mlv.runs(sort="metrics.loss")
    assert list(frame["name"]) == ["lr0.1", "lr0.2"]
    assert list(frame.columns) == [
        "name",
        "status",
        "started_at",
        "duration_s",
        "tags",
        "params.lr",
        "metrics.loss",
    ]
    assert list(mlv.runs(limit=1)["name"]) == ["lr0.1"]


def test_runs_of_an_empty_store_is_an_empty_frame(
    repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repo.root)
    assert mlv.runs().empty


def test_runs_refuses_an_unknown_column(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repo.root)
    with pytest.raises(UsageError, match="no column 'nope'"):
        mlv.runs(sort="nope")


def test_runs_needs_a_store(bare_repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(bare_repository.root)
    with pytest.raises(NoStoreError):
        mlv.runs()
