"""`mlv run` is killed by the kernel in the middle of a system call; `mlv recover` finishes it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from mlv.app.live_run import list_live
from tests.support.repository import Repository

KILLED = -9
_COMMAND = "echo hello; echo 1 > out.txt; exit 3"


@pytest.fixture(scope="module")
def strace() -> str:
    """Return the path of `strace`, if it is there and may trace."""
    found = shutil.which("strace")
    if found is None:
        pytest.skip("no `strace` here, so no system call can be interrupted")
    tried = subprocess.run([found, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"`strace` may not trace here: {tried.stderr.strip()}")
    return found


@pytest.mark.parametrize(
    ("calls", "numbers"),
    [
        ("fsync,fdatasync", (1, 2, 3, 4, 5)),
        ("link,linkat", (1, 2, 3)),
        ("rename,renameat,renameat2", (1, 2, 3, 4)),
        ("unlink,unlinkat,rmdir", (1, 2, 4, 8, 12)),
        ("wait4", (1, 3)),
    ],
)
def test_run_that_is_killed_is_whole_after_recovery(
    repo: Repository, strace: str, calls: str, numbers: tuple[int, ...]
) -> None:
    repo.write(".gitignore", "out.txt\n")
    ends = []
    for number in numbers:
        code = _run_struck(strace, calls, number, repo.root)
        before = len(repo.runs())
        done = repo.mlv("recover")
        assert done.code == 0, done.stderr
        assert repo.mlv("recover").error == (0, "there is no lost run\n")
        assert list_live(repo.root / ".mlv/live") == []
        assert repo.mlv("fsck").code == 0
        ends.append((code, len(repo.runs()) - before))
    assert any(code == KILLED for code, _ in ends), ends
    ends_of_runs = {(run.status, run.exit_code) for run in repo.runs()}
    assert ends_of_runs <= {("failed", 3), ("lost", None)}


def _run_struck(strace: str, calls: str, number: int, place: Path) -> int:
    command = Path(sysconfig.get_path("scripts")) / "mlv"
    start = [command] if command.exists() else [sys.executable, "-m", "mlv"]
    options = ["-e", f"trace={calls}", "-e", f"inject={calls}:signal=KILL:when={number}"]
    done = subprocess.run(
        [strace, "-qq", "-o", "/dev/null", *options, *start, "run", "-q", "sh", "-c", _COMMAND],
        cwd=place,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        check=False,
    )
    assert done.returncode in {3, KILLED}, done.stderr
    return done.returncode
