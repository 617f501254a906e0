"""Runs whose recording was cut short."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mlv.app.live_run import End, list_live, save_end
from mlv.app.look.listing import list_runs
from mlv.app.record.recover import Recovered
from mlv.capture.execution.scheduler import Stop, save_stop
from tests.integration.app.lost_runs import kill_mid_run, listed, recover, recover_all
from tests.support.repository import Repository


def test_run_whose_recorder_was_killed_is_lost_until_it_is_recovered(repo: Repository) -> None:
    kill_mid_run(repo)
    assert listed(repo) == [("victim", "lost")]
    (run,) = recover(repo)
    assert (run.name, run.status, run.exit_code) == ("victim", "lost", None)
    assert [each.path for each in run.outputs] == ["model.pkl"]
    assert run.problems == ("sealed later: files are as found then",)
    assert listed(repo) == [("victim", "lost")]
    assert list((repo.root / ".mlv/live").iterdir()) == []


def test_run_whose_command_outlives_its_recorder_is_still_running(repo: Repository) -> None:
    seen: list[object] = []
    kill_mid_run(repo, while_it_runs=lambda: seen.extend((listed(repo), recover(repo))))
    assert seen == [[("victim", "running")], ()]
    assert listed(repo) == [("victim", "lost")]


def test_recover_does_nothing_the_second_time(repo: Repository) -> None:
    kill_mid_run(repo)
    recover(repo)
    assert recover(repo) == ()


def test_run_in_progress_is_listed_and_not_recovered(repo: Repository) -> None:
    gate, ready = repo.root.parent / "gate", repo.root.parent / "ready"
    for pipe in (gate, ready):
        os.mkfifo(pipe)
    argv = [sys.executable, "-m", "mlv", "run", "-qn", "slow", "sh", "-c"]
    with subprocess.Popen([*argv, f"echo > {ready}; read x < {gate}"], cwd=repo.root):
        ready.read_text()
        assert listed(repo) == [("slow", "running")]
        assert recover(repo) == ()
        gate.write_text("go\n")
    assert listed(repo) == [("slow", "finished")]


def test_run_of_a_worktree_that_is_gone_is_recovered(repo: Repository) -> None:
    worktree = Repository(repo.root.parent / "other")
    repo.git("worktree", "add", "-q", str(worktree.root))
    kill_mid_run(worktree)
    shutil.rmtree(worktree.root)
    (run,) = recover(repo)
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
    kill_mid_run(repo, command=("reproduce", "last"))
    assert [status for _, status in listed(repo)] == ["lost", "finished"]
    name = listed(repo)[0][0]
    assert recover_all(repo) == Recovered(cleared=(name,))
    assert [status for _, status in listed(repo)] == ["finished"]
    assert repo.git("worktree", "list").count("\n") == 0


def test_live_directory_of_a_published_run_is_dropped(repo: Repository, tmp_path: Path) -> None:
    kill_mid_run(repo)
    (live,) = (repo.root / ".mlv/live").iterdir()
    shutil.copytree(live, tmp_path / "copy")
    recover(repo)
    shutil.copytree(tmp_path / "copy", live)
    assert recover(repo) == ()
    assert not live.exists()
    assert len(repo.runs()) == 1


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (End(status="finished", exit_code=0, duration_s=1), "finished"),
        (End(status="failed", exit_code=3, duration_s=1), "failed"),
        (End(status="killed", signal=9, duration_s=1), "killed"),
        (End(status="preempted", signal=15, duration_s=1), "preempted"),
    ],
)
def test_end_that_was_written_down_is_told(repo: Repository, end: End, status: str) -> None:
    kill_mid_run(repo)
    (live,) = list_live(repo.open().layout.live)
    save_end(live, end)
    (run,) = recover(repo)
    assert (run.status, run.exit_code, run.signal) == (status, end.exit_code, end.signal)


def test_run_that_a_scheduler_had_asked_to_stop_was_preempted(repo: Repository) -> None:
    kill_mid_run(repo)
    (live,) = list_live(repo.open().layout.live)
    save_stop(live, Stop(scheduler="Slurm", signal=15))
    assert [run.status for run in recover(repo)] == ["preempted"]


def test_damaged_start_is_named_and_kept_and_the_others_are_sealed(repo: Repository) -> None:
    kill_mid_run(repo)
    (live,) = list_live(repo.open().layout.live)
    damaged = live.with_name("01" + "0" * 24)
    damaged.mkdir()
    (damaged / "start.json").write_bytes(b"{")
    listing = list_runs(repo.open(), limit=None, reproductions=True)
    assert list(listing.damaged) == [damaged.name]
    assert repo.shell("true").status == "finished"
    recovered = recover_all(repo)
    assert [run.name for run in recovered.sealed] == ["victim"]
    assert [damaged.name in error.message for error in recovered.failed] == [True]
    assert damaged.exists()


def test_two_at_once_seal_each_run_once(repo: Repository) -> None:
    kill_mid_run(repo)
    argv = [sys.executable, "-m", "mlv", "recover"]
    started = [
        subprocess.Popen(argv, cwd=repo.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    printed = [process.communicate() for process in started]
    assert sorted(out for out, _ in printed) == [b"", b"sealed run victim as lost\n"]
    assert [process.returncode for process in started] == [0, 0]
    assert len(repo.runs()) == 1


def test_remains_of_a_run_that_never_began_go_after_an_hour(repo: Repository) -> None:
    names = {"old": "01m00000000000000000000000", "new": "01m00000000000000000000001"}
    for name in names.values():
        (repo.root / ".mlv/live" / name).mkdir()
        repo.git("update-ref", f"refs/mlv/runs/{name}", "HEAD")
    os.utime(repo.root / ".mlv/live" / names["old"], (0, 0))
    assert recover_all(repo) == Recovered()
    assert [path.name for path in (repo.root / ".mlv/live").iterdir()] == [names["new"]]
    refs = repo.git("for-each-ref", "--format=%(refname)", "refs/mlv/runs")
    assert refs == f"refs/mlv/runs/{names['new']}"
