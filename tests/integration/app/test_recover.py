"""Runs whose recording was cut short."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from mlv.app.live_run import list_live
from mlv.app.look.listing import list_runs
from mlv.app.publish import read_invocation
from mlv.app.record.recover import recover_runs
from mlv.capture.liveness import find_command
from mlv.core.run import Run
from tests.support.repository import Repository


def _recover(repo: Repository) -> tuple[Run, ...]:
    workspace = repo.open()
    return recover_runs(workspace, read_invocation(workspace, ("mlv", "recover")))


def _listed(repo: Repository) -> list[tuple[str, str]]:
    listing = list_runs(repo.open(), limit=None, reproductions=True)
    return [(run.name, run.status) for run in listing.runs]


def _kill_mid_run(
    repo: Repository,
    *,
    command: tuple[str, ...] = (),
    while_it_runs: Callable[[], None] | None = None,
) -> None:
    """Kill `mlv run` while its command waits, and then let the command end."""
    gate = repo.root.parent / "gate"
    ready = repo.root.parent / "ready"
    for pipe in (gate, ready):
        os.mkfifo(pipe)
    script = f"echo weights > model.pkl; echo > {ready}; read x < {gate}"
    process = subprocess.Popen(
        [
            sys.executable, "-m", "mlv", *(command or ("run", "-n", "victim", "-o", "model.pkl")),
            *(() if command else ("sh", "-c", script)),
        ],
        cwd=repo.root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    ready.read_text()
    orphan = _open_command(repo)
    process.send_signal(signal.SIGKILL)
    process.wait()
    if while_it_runs is not None:
        while_it_runs()
    gate.write_text("go\n")
    select.select([orphan], [], [])
    os.close(orphan)
    for pipe in (gate, ready):
        pipe.unlink()


def _open_command(repo: Repository) -> int:
    """Return a descriptor that can be read when the command of the only live run has ended."""
    (live,) = list_live(repo.open().layout.live)
    command = find_command(live)
    assert command is not None
    return os.pidfd_open(command.pid)


def test_run_whose_recorder_was_killed_is_lost_until_it_is_recovered(repo: Repository) -> None:
    _kill_mid_run(repo)
    assert _listed(repo) == [("victim", "lost")]
    (run,) = _recover(repo)
    assert (run.name, run.status, run.exit_code) == ("victim", "lost", None)
    assert [each.path for each in run.outputs] == ["model.pkl"]
    assert run.problems == ("sealed later: files are as found then",)
    assert _listed(repo) == [("victim", "lost")]
    assert list((repo.root / ".mlv/live").iterdir()) == []


def test_run_whose_command_outlives_its_recorder_is_still_running(repo: Repository) -> None:
    seen: list[object] = []
    _kill_mid_run(repo, while_it_runs=lambda: seen.extend((_listed(repo), _recover(repo))))
    assert seen == [[("victim", "running")], ()]
    assert _listed(repo) == [("victim", "lost")]


def test_recover_does_nothing_the_second_time(repo: Repository) -> None:
    _kill_mid_run(repo)
    _recover(repo)
    assert _recover(repo) == ()


def test_run_in_progress_is_listed_and_not_recovered(repo: Repository) -> None:
    gate, ready = repo.root.parent / "gate", repo.root.parent / "ready"
    for pipe in (gate, ready):
        os.mkfifo(pipe)
    argv = [sys.executable, "-m", "mlv", "run", "-qn", "slow", "sh", "-c"]
    with subprocess.Popen([*argv, f"echo > {ready}; read x < {gate}"], cwd=repo.root):
        ready.read_text()
        assert _listed(repo) == [("slow", "running")]
        assert _recover(repo) == ()
        gate.write_text("go\n")
    assert _listed(repo) == [("slow", "finished")]


def test_run_of_a_worktree_that_is_gone_is_recovered(repo: Repository) -> None:
    worktree = Repository(repo.root.parent / "other")
    repo.git("worktree", "add", "-q", str(worktree.root))
    _kill_mid_run(worktree)
    shutil.rmtree(worktree.root)
    (run,) = _recover(repo)
    assert run.problems == (
        "sealed later: files are as found then",
        f"its worktree {worktree.root} is gone",
        "output model.pkl was declared, but the command did not write it",
    )


def test_reproduction_that_was_killed_is_cleared_away(repo: Repository) -> None:
    gate, ready = repo.root.parent / "gate", repo.root.parent / "ready"
    repo.shell(
        f"echo 1 > out.txt; test -e {gate} || exit 0; echo > {ready}; read x < {gate}",
        outputs=["out.txt"],
    )
    _kill_mid_run(repo, command=("reproduce", "last"))
    assert [status for _, status in _listed(repo)] == ["lost", "finished"]
    assert _recover(repo) == ()
    assert [status for _, status in _listed(repo)] == ["finished"]
    assert repo.git("worktree", "list").count("\n") == 0


def test_live_directory_of_a_published_run_is_dropped(repo: Repository, tmp_path: Path) -> None:
    _kill_mid_run(repo)
    (live,) = (repo.root / ".mlv/live").iterdir()
    shutil.copytree(live, tmp_path / "copy")
    _recover(repo)
    shutil.copytree(tmp_path / "copy", live)
    assert _recover(repo) == ()
    assert not live.exists()
    assert len(repo.runs()) == 1
