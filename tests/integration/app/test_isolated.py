from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.repository import Done, Repository

_TRAIN = """\
import sys
from pathlib import Path
words = [Path(each).read_text().strip() for each in sys.argv[1:]]
Path("out").mkdir(exist_ok=True)
Path("out/model.txt").write_text(" ".join(words))
"""


@pytest.fixture
def busy(repo: Repository) -> Repository:
    """Return a repository with a change that is not committed, and with ignored data."""
    repo.write(".gitignore", "data/\nout/\n")
    repo.write("train.py", _TRAIN)
    repo.commit("code")
    repo.write("params.yaml", "lr: 0.5  # tuned\n")
    repo.write("data/train.csv", "rows")
    return repo


def _run(repo: Repository, *arguments: str) -> Done:
    return repo.mlv("run", "--isolated", *arguments)


def _traces(repo: Repository) -> list[str]:
    """Return the worktrees and sandboxes that are left."""
    worktrees = repo.git("worktree", "list", "--porcelain").count("worktree ")
    left = (repo.root / ".mlv" / "cache" / "reproduce").glob("*")
    return [*(path.name for path in left), *["worktree"] * (worktrees - 1)]


def test_isolated_run_leaves_the_worktree_as_it_is(busy: Repository) -> None:
    before = {name: state for name, state in busy.state().items() if ".mlv" not in name}

    done = _run(busy, "-n", "first", "-i", "data", sys.executable, "train.py", "params.yaml",
                "data/train.csv")  # fmt: skip

    after = {name: state for name, state in busy.state().items() if ".mlv" not in name}
    run = busy.find("first")
    assert done.code == 0, done.stderr
    worktree = {name for name in before if not name.startswith(".git/")}
    assert {name: after.get(name) for name in worktree} == {name: before[name] for name in worktree}
    assert {each.path for each in run.outputs} == {"out/model.txt"}
    assert {each.path for each in run.inputs} == {"data"}
    assert run.command.argv[1:] == ("train.py", "params.yaml", "data/train.csv")
    assert "`mlv rollback first out/model.txt` brings them here" in done.stderr
    assert _traces(busy) == []


def test_outputs_come_back_with_rollback(busy: Repository) -> None:
    _run(busy, "-q", sys.executable, "train.py", "params.yaml")

    busy.mlv("rollback", "last", "out/model.txt")

    assert busy.read("out/model.txt") == "lr: 0.5  # tuned"


def test_absolute_paths_lead_to_the_copy(busy: Repository) -> None:
    params = str(busy.root / "params.yaml")

    done = _run(busy, sys.executable, str(busy.root / "train.py"), params)

    assert (done.code, (busy.root / "out").exists()) == (0, False)
    assert busy.find("last").command.argv[2] == params


def test_set_changes_the_copy_alone(busy: Repository) -> None:
    _run(busy, "-q", "--set", "lr=0.9", sys.executable, "train.py", "params.yaml")

    run = busy.find("last")
    assert run.params[0].values == {"lr": 0.9}
    assert busy.read("params.yaml") == "lr: 0.5  # tuned\n"
    busy.mlv("rollback", "last", "--overwrite")
    assert busy.read("params.yaml") == "lr: 0.9  # tuned\n"
    assert busy.read("out/model.txt") == "lr: 0.9  # tuned"


def test_isolated_run_is_reproduced(busy: Repository) -> None:
    _run(busy, "-q", "--set", "lr=0.9", sys.executable, "train.py", "params.yaml")

    assert "verdict: identical" in busy.mlv("reproduce", "last").stdout


def test_data_of_the_last_time_is_there_without_being_declared(busy: Repository) -> None:
    argv = (sys.executable, "train.py", "data/train.csv")
    first = _run(busy, *argv)
    busy.mlv("run", "-q", *argv)

    assert first.code == 1
    assert "note: Git ignores data, so the isolated run does not find it there" in first.stderr
    assert _run(busy, *argv).code == 0


def test_tracked_data_is_there(busy: Repository) -> None:
    busy.write("large/a.csv", "rows")
    assert busy.mlv("track", "large").code == 0

    assert _run(busy, sys.executable, "train.py", "large/a.csv").code == 0


def test_output_of_an_earlier_run_is_there(busy: Repository) -> None:
    busy.mlv("run", "-q", "-o", "first.txt", "sh", "-c", "echo made > first.txt")

    assert _run(busy, sys.executable, "train.py", "first.txt").code == 0


def test_program_that_git_ignores_runs_from_where_it_is(busy: Repository) -> None:
    busy.write("data/tool", "#!/bin/sh\npwd\n", mode=0o755)

    done = _run(busy, "-q", "data/tool")

    assert done.code == 0
    assert ".mlv/cache/" in done.stdout


def test_write_to_data_does_not_reach_the_worktree(busy: Repository) -> None:
    _run(busy, "-q", "-i", "data", "sh", "-c", "echo changed > data/train.csv")

    assert busy.read("data/train.csv") == "rows"


def test_editable_sources_are_those_of_the_copy(
    busy: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy.write("src/mine.py", "print(__file__)\n")
    monkeypatch.setenv("PYTHONPATH", str(busy.root / "src"))

    done = _run(busy, "-q", sys.executable, "-c", "import mine")

    assert f"{busy.root}/.mlv/cache/" in done.stdout


def test_several_run_at_once(busy: Repository) -> None:
    argv = [sys.executable, "-m", "mlv", "run", "-q", "--isolated"]
    command = [sys.executable, "train.py", "params.yaml"]
    running = [
        subprocess.Popen([*argv, "--set", f"lr=0.{n}", *command], cwd=busy.root) for n in range(3)
    ]

    assert [process.wait() for process in running] == [0, 0, 0]
    assert sorted(run.params[0].values["lr"] for run in busy.runs()) == [0.0, 0.1, 0.2]
    assert _traces(busy) == []


def test_failed_preparation_leaves_nothing(busy: Repository) -> None:
    refs = busy.git("for-each-ref")

    done = _run(busy, "--set", "rl=1", "true")

    assert (done.code, "no param 'rl'" in done.stderr) == (125, True)
    assert (_traces(busy), busy.git("for-each-ref")) == ([], refs)


def test_failing_command_leaves_no_worktree(busy: Repository) -> None:
    assert _run(busy, "-q", "sh", "-c", "exit 3").code == 3
    assert (busy.find("last").exit_code, _traces(busy)) == (3, [])


def _interrupted(repo: Repository, number: signal.Signals) -> int:
    ready = repo.root.parent / "ready"
    os.mkfifo(ready)
    script = f"echo part > part.txt; echo > {ready}; exec sleep 60"
    argv = [sys.executable, "-m", "mlv", "run", "-q", "--isolated", "sh", "-c", script]
    with subprocess.Popen(argv, cwd=repo.root, start_new_session=True) as process:
        Path(ready).read_text()
        os.killpg(process.pid, number)
        return process.wait()


def test_interrupted_run_is_recorded_and_leaves_no_worktree(busy: Repository) -> None:
    assert _interrupted(busy, signal.SIGINT) == 128 + signal.SIGINT
    assert (busy.find("last").status, _traces(busy)) == ("killed", [])


def test_killed_run_is_recovered_with_what_it_wrote(busy: Repository) -> None:
    assert _interrupted(busy, signal.SIGKILL) == -signal.SIGKILL

    assert busy.mlv("recover").code == 0
    assert busy.find("last").status == "lost"


def test_unclean_code_is_refused(busy: Repository) -> None:
    done = _run(busy, "--require-clean", "true")

    assert (done.code, "params.yaml" in done.stderr) == (125, True)
    assert (busy.runs(), _traces(busy)) == ((), [])
