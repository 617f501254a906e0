"""A rollback that is killed at any point: the next command takes it back, or finds it done."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from mlv.app.publish import read_invocation
from mlv.app.reporter import SilentReporter
from mlv.app.restore.change import finish_interrupted
from mlv.app.restore.undo import undo
from mlv.errors import LockedError
from mlv.store.lock import exclusive_lock
from tests.support.repository import Repository
from tests.support.restoring import files

# Kills itself before the N-th time that a file is about to change; the operation is the last.
_HARNESS = """\
import os, sys
import mlv.app.restore.change as change, mlv.app.restore.rollback as rollback
from pathlib import Path

left = int(sys.argv[1])

def dying(function):
    def wrapped(*arguments, **named):
        global left
        left -= 1
        if left < 0:
            os._exit(9)
        return function(*arguments, **named)
    return wrapped

def half_written(*arguments, **named):
    global left
    if left == 0:
        Path("src/.mlv-0123456789ab.tmp").write_text("half")
    return place(*arguments, **named)

place = dying(change.place)
change.place, change.remove = half_written, dying(change.remove)
change._drop_journal = dying(change._drop_journal)
rollback.publish = dying(rollback.publish)
import mlv.app.restore.undo as undo
undo.publish = rollback.publish
sys.argv = ["mlv", *sys.argv[2:]]
from mlv.cli.main import main
main()
"""
_N_STEPS = 5
"""Three files, the operation, and the journal."""


def _kill_at(repo: Repository, step: int, *command: str) -> int:
    return subprocess.run(
        [sys.executable, "-c", _HARNESS, str(step), *command],
        cwd=repo.root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    ).returncode


def _finish(repo: Repository) -> None:
    finish_interrupted(repo.open(), SilentReporter())


@pytest.fixture
def ready(repo: Repository) -> Repository:
    """A repository in which rolling back to `first` replaces one file and makes two."""
    repo.write("src/inner/a.py", "x = 1\n")
    repo.write("src/b.py", "x = 1\n")
    repo.commit()
    repo.shell("true", name="first")
    (repo.root / "src/inner/a.py").unlink()
    (repo.root / "src/inner").rmdir()
    (repo.root / "src/b.py").unlink()
    repo.write("src/c.py", "x = 3\n")
    repo.write("params.yaml", "lr: 2\n", mode=0o640)
    repo.shell("true", name="second")
    return repo


@pytest.mark.parametrize("step", range(_N_STEPS))
def test_killed_rollback_is_taken_back_or_done(ready: Repository, step: int) -> None:
    before = files(ready)
    assert _kill_at(ready, step, "rollback", "first") == 9
    _finish(ready)
    published = step == _N_STEPS - 1
    assert (files(ready) == before) is not published
    assert ready.read("params.yaml") == ("lr: 0.1\n" if published else "lr: 2\n")
    assert not (ready.root / ".mlv/worktree-journal").exists()


@pytest.mark.parametrize("step", range(_N_STEPS))
def test_killed_undo_is_taken_back_or_done(ready: Repository, step: int) -> None:
    before = files(ready)
    assert _kill_at(ready, 99, "rollback", "first") == 0
    rolled_back = files(ready)
    assert _kill_at(ready, step, "undo") == 9
    _finish(ready)
    assert files(ready) == (before if step == _N_STEPS - 1 else rolled_back)


def test_next_command_says_that_it_took_a_rollback_back(ready: Repository) -> None:
    _kill_at(ready, 2, "rollback", "first")
    done = ready.mlv("log", "--limit", "1")
    assert done.stderr.splitlines()[0] == "note: took back a change of 3 files that was cut short"
    assert ready.mlv("log", "--limit", "1").stderr.startswith("1 older run")


def test_taking_back_leaves_what_was_edited_meanwhile(ready: Repository) -> None:
    _kill_at(ready, 3, "rollback", "first")
    ready.write("params.yaml", "edited\n")
    done = ready.mlv("log", "--limit", "1")
    first = done.stderr.splitlines()[0]
    assert first == "warning: params.yaml was edited since, so it was left as it is"
    assert ready.read("params.yaml") == "edited\n"
    assert not (ready.root / "src/b.py").exists()


def test_taking_back_does_not_wait_for_ever(
    ready: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlv.app.worktree_lock.PATIENCE_S", 0)
    _kill_at(ready, 1, "rollback", "first")
    with (
        exclusive_lock(ready.root / ".mlv/worktree-lock", purpose="testing"),
        pytest.raises(LockedError),
    ):
        _finish(ready)


def test_rollback_that_is_done_can_be_undone_after_a_kill(ready: Repository) -> None:
    before = files(ready)
    _kill_at(ready, _N_STEPS - 1, "rollback", "first")
    _finish(ready)
    workspace = ready.open()
    undo(workspace, None, read_invocation(workspace, ("mlv", "undo")))
    assert files(ready) == before


def test_killed_rollback_in_a_worktree_is_taken_back_from_another(ready: Repository) -> None:
    other = Repository(ready.root.parent / "other")
    ready.git("worktree", "add", "-q", "--detach", str(other.root))
    os.unlink(other.root / "src/b.py")  # noqa: PTH108
    before = files(other)
    assert _kill_at(other, 1, "rollback", "first") == 9
    _finish(ready)
    assert files(other) == before
