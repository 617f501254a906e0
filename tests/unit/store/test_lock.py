from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mlv.errors import LockedError, StorageError
from mlv.store.layout import Layout
from mlv.store.lock import (
    exclusive_lock,
    exclusive_store_lock,
    is_store_idle,
    shared_store_lock,
)

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
    assert caught.value.hint == "wait until that has ended, then try again"
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


PARTY = """
import sys
from pathlib import Path
from mlv.store.layout import Layout
from mlv.store.lock import exclusive_store_lock, shared_store_lock
layout = Layout(Path(sys.argv[1]))
mine = {
    "writer": lambda: shared_store_lock(layout),
    "remover": lambda: exclusive_store_lock(layout, patience_s=60),
}
with mine[sys.argv[2]]():
    print("held", flush=True)
    sys.stdin.read()
"""


class Party:
    """A process that wants the lock of a store, and keeps it until it is told to end."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def wait_until_held(self) -> None:
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"held\n"

    def wait_until_blocked(self) -> None:
        """Wait until the system says that the process waits for a lock."""
        self._wait(lambda fields: fields[1] == "->" and fields[5] == str(self._process.pid))

    def wait_until_it_has(self, path: Path) -> None:
        """Wait until the process holds another lock than that of the store alone."""
        inode = str(path.stat().st_ino)
        self._wait(
            lambda fields: (
                fields[3:5] == ["WRITE", str(self._process.pid)]
                and fields[5].rpartition(":")[2] == inode
            )
        )

    def _wait(self, is_there: Callable[[list[str]], bool]) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            lines = Path("/proc/locks").read_text().splitlines()
            if any(is_there(line.split()) for line in lines):
                return
            assert self._process.poll() is None
        raise AssertionError

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait() == 0

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@contextmanager
def party(layout: Layout, role: str) -> Iterator[Party]:
    """Start a `writer` or a `remover`."""
    with subprocess.Popen(
        [sys.executable, "-c", PARTY, layout.root, role],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        try:
            yield Party(process)
        finally:
            process.kill()


def test_writers_do_not_wait_for_each_other(layout: Layout) -> None:
    with shared_store_lock(layout), party(layout, "writer") as writer:
        writer.wait_until_held()
        with shared_store_lock(layout):
            writer.end()


def test_nothing_is_removed_while_somebody_writes(layout: Layout) -> None:
    with party(layout, "writer") as writer:
        writer.wait_until_held()
        with (
            pytest.raises(LockedError) as caught,
            exclusive_store_lock(layout, patience_s=0),
        ):
            pass
        assert caught.value.message == "other mlv processes are writing to the store"
        assert caught.value.hint == "wait until that has ended, then try again"
        writer.end()
    with exclusive_store_lock(layout, patience_s=0):
        assert not is_store_idle(layout)


def test_only_one_removes_at_a_time(layout: Layout) -> None:
    with party(layout, "remover") as remover:
        remover.wait_until_held()
        with pytest.raises(LockedError), exclusive_store_lock(layout, patience_s=0):
            pass


def test_writer_waits_until_a_removal_is_over(layout: Layout) -> None:
    with exclusive_store_lock(layout), party(layout, "writer") as writer:
        writer.wait_until_blocked()
    with party(layout, "remover") as remover:
        remover.wait_until_held()
        with party(layout, "writer") as writer:
            writer.wait_until_blocked()
            remover.end()
            writer.wait_until_held()
            writer.end()


def test_writers_that_come_later_let_a_remover_pass(layout: Layout) -> None:
    with party(layout, "writer") as first:
        first.wait_until_held()
        with party(layout, "remover") as remover:
            remover.wait_until_it_has(layout.turnstile)
            with party(layout, "writer") as later:
                later.wait_until_blocked()
                first.end()
                remover.wait_until_held()
                later.wait_until_blocked()
                remover.end()
                later.wait_until_held()
                later.end()


@pytest.mark.parametrize("role", ["writer", "remover"])
def test_store_is_free_when_who_held_it_is_killed(layout: Layout, role: str) -> None:
    with party(layout, role) as holder:
        holder.wait_until_held()
        assert not is_store_idle(layout)
        holder.kill()
    assert is_store_idle(layout)
    with exclusive_store_lock(layout, patience_s=0):
        pass


def test_remover_that_gives_up_lets_writers_in(layout: Layout) -> None:
    with party(layout, "writer") as writer:
        writer.wait_until_held()
        with pytest.raises(LockedError), exclusive_store_lock(layout, patience_s=0):
            pass
        with shared_store_lock(layout):
            writer.end()


def test_lock_of_another_user_needs_no_more_than_reading(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    with shared_store_lock(layout):
        pass
    opened = os.open

    def refuse_to_write(path: Path, flags: int, *arguments: int) -> int:
        if flags & os.O_RDWR:
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(path, flags, *arguments)

    monkeypatch.setattr(os, "open", refuse_to_write)
    with shared_store_lock(layout):
        monkeypatch.undo()
        assert not is_store_idle(layout)


def test_store_without_locks_is_a_storage_error(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    for lock in (shared_store_lock, exclusive_store_lock):
        with (
            pytest.raises(StorageError, match="cannot lock the store: no locks available"),
            lock(layout),
        ):
            pass
