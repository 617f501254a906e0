from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlv.errors import LockedError, StorageError
from mlv.store.lock import exclusive_lock

HOLDER = """
import fcntl, os, sys
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(fd, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def test_lock_keeps_another_process_out(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with exclusive_lock(path, purpose="testing"):
        other = os.open(path, os.O_RDWR)
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(other)


def test_lock_that_is_held_is_refused_until_its_owner_dies(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with (
            pytest.raises(LockedError) as caught,
            exclusive_lock(path, purpose="changing the files of this worktree"),
        ):
            pass
        holder.kill()
    assert caught.value.message == "another mlv process is changing the files of this worktree"
    assert caught.value.hint == "wait until it has ended, then try again"
    with exclusive_lock(path, purpose="testing"):
        assert path.exists()


def test_lock_is_released_after_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with pytest.raises(KeyError), exclusive_lock(path, purpose="testing"):
        raise KeyError
    with exclusive_lock(path, purpose="testing"):
        assert path.exists()


def test_lock_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    with (
        pytest.raises(StorageError, match="cannot lock the store: no such file or directory"),
        exclusive_lock(tmp_path / "missing" / "lock", purpose="testing"),
    ):
        pass


def test_file_system_without_locks_is_a_storage_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with (
        pytest.raises(StorageError, match="cannot lock the store: no locks available"),
        exclusive_lock(tmp_path / "lock", purpose="testing"),
    ):
        pass
