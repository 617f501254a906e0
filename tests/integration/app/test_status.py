"""How a run ended, told from how real processes end."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from mlv.app.live_run import list_live, load_end
from mlv.app.look.listing import list_runs
from mlv.app.publish import read_invocation
from mlv.app.record.recover import recover_runs
from mlv.capture.execution.liveness import find_command
from mlv.core.run import Run
from tests.support.repository import Repository

_SLURM = {"SLURM_JOB_ID": "7"}
_WAIT = "echo > ready; exec sleep 60"
_SLOW_GIT = """
import os, sys
tools = os.path.dirname(os.path.abspath(__file__))
if os.path.exists(tools + "/sealing"):
    os.unlink(tools + "/sealing")
    open(tools + "/at_git", "w").close()
    open(tools + "/go").read()
os.execv("{git}", ["git", *sys.argv[1:]])
"""
_CHECKPOINT = (
    "trap 'echo saved > ckpt; exit {code}' TERM; echo > ready; while :; do read x < gate; done"
)


class Recorder:
    """`mlv run` of a line of shell, in a process group of its own."""

    def __init__(
        self, repo: Repository, script: str, variables: Mapping[str, str] | None = None
    ) -> None:
        self.repo = repo
        for name in ("ready", "gate"):
            os.mkfifo(repo.root / name)
        repo.write(".gitignore", "ready\ngate\nckpt\n")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mlv", "run", "-n", "victim", "sh", "-c", script],
            cwd=repo.root,
            env={**os.environ, **(variables or {})},
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        (repo.root / "ready").read_text()

    @property
    def live(self) -> Path:
        (live,) = list_live(self.repo.open().layout.live)
        return live

    @property
    def command(self) -> int:
        identity = find_command(self.live)
        assert identity is not None
        return identity.pid

    def wait(self) -> tuple[int, str]:
        """Return the exit code, and what was said."""
        _, said = self.process.communicate(timeout=60)
        return self.process.returncode, said

    def kill_all(self) -> None:
        """Kill recorder and command, the recorder first."""
        end = os.pidfd_open(self.command)
        os.kill(self.process.pid, signal.SIGKILL)
        os.killpg(self.process.pid, signal.SIGKILL)
        self.wait()
        select.select([end], [], [])
        os.close(end)


def _ended(repo: Repository) -> tuple[str, int | None, int | None]:
    run = repo.find("victim")
    return run.status, run.exit_code, run.signal


def _recover(repo: Repository) -> list[Run]:
    workspace = repo.open()
    recovered = recover_runs(workspace, read_invocation(workspace, ("mlv", "recover")))
    assert recovered.failed == ()
    return list(recovered.sealed)


@pytest.mark.parametrize(
    ("script", "end"),
    [
        ("pass", ("finished", 0, None)),
        ("raise ValueError", ("failed", 1, None)),
        ("import sys; sys.exit(3)", ("failed", 3, None)),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", ("killed", None, 9)),
        ("import os; os.abort()", ("killed", None, 6)),
    ],
)
def test_status_is_how_the_command_ended(
    repo: Repository, script: str, end: tuple[str, int | None, int | None]
) -> None:
    repo.run(sys.executable, "-c", script, name="victim")
    assert _ended(repo) == end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_to_the_group_kills_the_run(repo: Repository, number: signal.Signals) -> None:
    recorder = Recorder(repo, _WAIT)
    os.killpg(recorder.process.pid, number)
    assert recorder.wait()[0] == 128 + number
    assert _ended(repo) == ("killed", None, number)


def test_kill_of_the_command_alone_is_recorded(repo: Repository) -> None:
    recorder = Recorder(repo, _WAIT)
    os.kill(recorder.command, signal.SIGKILL)
    assert recorder.wait()[0] == 137
    assert _ended(repo) == ("killed", None, 9)


def test_kill_of_recorder_and_command_leaves_a_lost_run(repo: Repository) -> None:
    recorder = Recorder(repo, _WAIT)
    recorder.kill_all()
    (listed,) = list_runs(repo.open(), limit=None, reproductions=True).runs
    assert listed.status == "lost"
    assert [run.status for run in _recover(repo)] == ["lost"]
    assert _ended(repo) == ("lost", None, None)


@pytest.mark.parametrize("kill", [os.kill, os.killpg])
def test_scheduler_that_ends_the_command_preempts_it(
    repo: Repository, kill: Callable[[int, int], None]
) -> None:
    recorder = Recorder(repo, _WAIT, _SLURM)
    kill(recorder.process.pid, signal.SIGTERM)
    assert recorder.wait()[0] == 143
    assert _ended(repo) == ("preempted", None, 15)


def test_scheduler_that_wakes_a_job_to_stop_it_preempts_it(repo: Repository) -> None:
    recorder = Recorder(repo, _WAIT, _SLURM)
    os.killpg(recorder.process.pid, signal.SIGSTOP)
    os.killpg(recorder.process.pid, signal.SIGCONT)
    os.killpg(recorder.process.pid, signal.SIGTERM)
    assert recorder.wait()[0] == 143
    assert _ended(repo) == ("preempted", None, 15)


def test_scheduler_that_asks_the_command_alone_preempts_it(repo: Repository) -> None:
    recorder = Recorder(repo, _WAIT, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"})
    os.kill(recorder.command, signal.SIGTERM)
    assert recorder.wait()[0] == 143
    assert _ended(repo) == ("preempted", None, 15)


@pytest.mark.parametrize("code", [0, 99])
def test_command_that_saves_and_exits_when_asked_was_preempted(repo: Repository, code: int) -> None:
    recorder = Recorder(repo, _CHECKPOINT.format(code=code), _SLURM)
    os.kill(recorder.process.pid, signal.SIGTERM)
    assert recorder.wait()[0] == code
    assert _ended(repo) == ("preempted", code, None)
    assert [output.path for output in repo.find("victim").outputs] == ["ckpt"]


def test_warning_of_a_scheduler_is_only_passed_on(repo: Repository) -> None:
    script = "trap 'echo warned; exit 0' USR1; echo > ready; while :; do read x < gate; done"
    recorder = Recorder(repo, script, _SLURM)
    os.kill(recorder.process.pid, signal.SIGUSR1)
    assert recorder.wait()[0] == 0
    assert _ended(repo) == ("finished", 0, None)


def test_job_that_is_killed_in_its_grace_time_was_preempted(repo: Repository) -> None:
    script = "trap 'echo > ready' TERM; echo > ready; while :; do read x < gate; done"
    recorder = Recorder(repo, script, _SLURM)
    os.kill(recorder.process.pid, signal.SIGTERM)
    (repo.root / "ready").read_text()  # the command was told, and goes on
    while not (recorder.live / "stop.json").exists():
        os.sched_yield()
    recorder.kill_all()
    assert [run.status for run in _recover(repo)] == ["preempted"]


@pytest.fixture
def slow_git(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """Let sealing stop at its first use of Git: it tells `at_git`, and waits for `go`."""
    git = shutil.which("git")
    tools = repo.root.parent / "tools"
    tools.mkdir()
    for name in ("at_git", "go"):
        os.mkfifo(tools / name)
    script = tools / "git"
    script.write_text(f"#!{sys.executable} -S\n{_SLOW_GIT.format(git=git)}")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    return repo


def _stop_in_sealing(repo: Repository, variables: Mapping[str, str] | None = None) -> Recorder:
    tools = repo.root.parent / "tools"
    recorder = Recorder(
        repo, f'echo > ready; read x < gate; echo 1 > ckpt; : > "{tools}/sealing"', variables
    )
    (repo.root / "gate").write_text("go\n")
    (tools / "at_git").read_text()
    return recorder


def test_interrupt_while_sealing_does_not_disturb_it(slow_git: Repository) -> None:
    recorder = _stop_in_sealing(slow_git)
    os.killpg(recorder.process.pid, signal.SIGINT)
    assert recorder.process.stderr is not None
    said = recorder.process.stderr.readline()
    (slow_git.root.parent / "tools/go").write_text("go\n")
    assert said == "note: sealing the record; another Ctrl-C leaves that for later\n"
    assert recorder.wait()[0] == 0
    assert _ended(slow_git) == ("finished", 0, None)


def test_scheduler_that_insists_while_sealing_does_not_disturb_it(slow_git: Repository) -> None:
    recorder = _stop_in_sealing(slow_git, _SLURM)
    for _ in range(3):
        os.killpg(recorder.process.pid, signal.SIGTERM)
    (slow_git.root.parent / "tools/go").write_text("go\n")
    assert recorder.wait()[0] == 0
    assert _ended(slow_git) == ("finished", 0, None)


def test_second_interrupt_while_sealing_leaves_the_record_for_later(slow_git: Repository) -> None:
    recorder = _stop_in_sealing(slow_git)
    os.killpg(recorder.process.pid, signal.SIGINT)
    assert recorder.process.stderr is not None
    recorder.process.stderr.readline()
    os.killpg(recorder.process.pid, signal.SIGINT)
    said = "".join(recorder.process.stderr.readline() for _ in range(2))
    (slow_git.root.parent / "tools/go").write_text("go\n")
    assert recorder.process.wait() == 130
    recorder.process.stderr.close()
    assert said == ("warning: the record was left unsealed\nhint: seal it with `mlv recover`\n")
    assert [(run.status, run.exit_code) for run in _recover(slow_git)] == [("finished", 0)]


def test_kill_while_sealing_leaves_the_end_written_down(slow_git: Repository) -> None:
    recorder = _stop_in_sealing(slow_git)
    os.kill(recorder.process.pid, signal.SIGKILL)
    (slow_git.root.parent / "tools/go").write_text("go\n")
    recorder.wait()
    end = load_end(recorder.live)
    assert end is not None
    assert (end.status, end.exit_code) == ("finished", 0)
    assert [(run.status, run.exit_code) for run in _recover(slow_git)] == [("finished", 0)]
