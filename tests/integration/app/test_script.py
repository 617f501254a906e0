"""The Python API: in a script of its own, inside `mlv run`, and in a script's children."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mlv.core.params import flatten_params
from mlv.core.run import Run
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


@pytest.mark.parametrize(
    ("end", "status", "exit_code", "signal_number"),
    [
        ("", "finished", 0, None),
        ("sys.exit(3)", "failed", 3, None),
        ("sys.exit('no data')", "failed", 1, None),
        ("sys.exit(0)", "finished", 0, None),
        ("try: sys.exit(3)\nexcept SystemExit: pass", "finished", 0, None),
        ("try: sys.exit(3)\nfinally: mlv.log({'loss': 2})", "failed", 3, None),
        ("raise ValueError('no data')", "failed", 1, None),
        ("os.kill(os.getpid(), signal.SIGINT)", "killed", None, 2),
        ("run.finish(exit_code=4)", "failed", 4, None),
        ("run.finish(failed=True)", "failed", 1, None),
        ("mlv.end_run('FAILED')", "failed", 1, None),
        ("if not os.fork(): sys.exit(7)\nos.wait()", "finished", 0, None),
        ("with run: sys.exit(5)", "failed", 5, None),
    ],
)
def test_script_without_a_block_records_how_it_ended(
    repo: Repository, end: str, status: str, exit_code: int | None, signal_number: int | None
) -> None:
    _execute(repo, f"import os, signal, sys\nimport mlv\nrun = mlv.start_run()\n{end}\n")
    (run,) = repo.runs()
    assert (run.status, run.exit_code, run.signal) == (status, exit_code, signal_number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_script_that_is_killed_is_recovered(repo: Repository, number: int) -> None:
    script = f"""\
    import os, mlv
    with mlv.start_run(name="victim") as run:
        run.log_params(lr=0.2)
        run.log_text("note", "so far")
        with mlv.start_run("trial", nested=True) as trial:
            trial.log_params(depth=1)
            os.kill(os.getpid(), {number})
    """
    assert _execute(repo, script).returncode == -number
    assert repo.runs() == ()
    assert repo.mlv("recover").stdout == "sealed run victim as lost\n"
    victim, trial = repo.runs()
    assert (victim.name, victim.status, _params(victim)) == ("victim", "lost", {"lr": 0.2})
    assert list(victim.attachments) == ["note.txt"]
    assert (trial.name, trial.status, trial.parent) == ("trial", "lost", victim.id)
    assert repo.mlv("recover").stderr == "there is no lost run\n"


def test_script_is_watched_from_the_moment_it_starts_its_run(repo: Repository) -> None:
    for name in ("early.csv", "late.csv", "child.csv"):
        repo.write(name, f"{name}\n")
    repo.write(".gitignore", "*.csv\nmodel.*\n.mlv/\n")
    script = """\
    import os, subprocess, sys
    import mlv
    open("early.csv").read()
    before = dict(os.environ)
    with mlv.start_run():
        open("late.csv").read()
        subprocess.run([sys.executable, "-c", "open('child.csv').read()"], check=True)
        open("model.bin", "w").write("weights")
    open("early.csv").read()
    assert dict(os.environ) == before
    """
    assert _execute(repo, script).stderr == ""
    (run,) = repo.runs()
    assert run.observed
    assert [each.path for each in run.inputs] == ["child.csv", "late.csv"]
    assert [(each.path, each.source) for each in run.outputs] == [("model.bin", "observed")]
    assert run.problems == (
        "watched from the moment mlv.start_run() was called: what was opened before is not known",
    )


def test_script_that_only_logs_is_never_stopped(bare_repository: Repository) -> None:
    script = """\
    import mlv
    mlv.log({"loss": 1})
    mlv.log_params(lr=0.1)
    print(mlv.active_run())
    """
    done = _execute(bare_repository, script)
    assert (done.returncode, done.stdout) == (0, "<mlv.ActiveRun disabled, active>\n")
    (line,) = done.stderr.splitlines()
    assert line.startswith("mlv: nothing is recorded: there is no mlv store in ")
    assert line.endswith("; create one with `mlv init`")


def test_script_that_cannot_be_sealed_says_how_to_do_it_later(repo: Repository) -> None:
    script = """\
    import os, shutil, mlv
    with mlv.start_run(name="late"):
        mlv.log({"loss": 1})
        shutil.move(".mlv/packs", "packs")
        open(".mlv/packs", "w").close()
    os.remove(".mlv/packs")
    shutil.move("packs", ".mlv/packs")
    print("saved")
    """
    done = _execute(repo, script)
    assert (done.returncode, done.stdout) == (0, "saved\n")
    assert done.stderr.startswith("mlv: the run was not sealed: ")
    assert done.stderr.endswith("; seal it later with `mlv recover`\n")
    assert repo.mlv("recover").stdout == "sealed run late as finished\n"


def test_script_refuses_a_second_run_beside_the_first(repo: Repository) -> None:
    done = _execute(repo, "import mlv\nmlv.start_run()\nmlv.start_run()\n")
    assert done.stderr.splitlines()[-2:] == [
        "mlv.errors.UsageError: a run is active in this process already",
        "hint: finish it first: mlv.finish(); or start one inside it: start_run(nested=True)",
    ]


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
    *trace, last, hint = done.stderr.splitlines()
    assert (last, hint) == (message, "hint: create one with `mlv init`")
    assert len([line for line in trace if "File" in line]) == 2


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
