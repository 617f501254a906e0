from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from mlv.core.run import Content
from mlv.errors import FileChangedError, UnreadableFileError
from mlv.store.stable_read import pack_state, read_small, read_stable
from tests.unit.core.builders import content


class Reader:
    """Reads a file, and lets somebody meddle with it after each of the first reads."""

    def __init__(self, *meddlers: Callable[[], object]) -> None:
        self.n_reads = 0
        self._meddlers = list(meddlers)

    def __call__(self, file: BinaryIO) -> Content:
        self.n_reads += 1
        data = file.read()
        if self._meddlers:
            self._meddlers.pop(0)()
        return content(data)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "data.bin"
    path.write_bytes(b"before")
    return path


def _edit(path: Path, data: bytes) -> None:
    """Write so that the time of the change differs, however coarse the clock is."""
    path.write_bytes(data)
    os.utime(path, ns=(0, int.from_bytes(data[-4:], "big")))


def test_still_file_is_read_once(path: Path) -> None:
    reader = Reader()
    assert (read_stable(path, reader), reader.n_reads) == (content(b"before"), 1)


@pytest.mark.parametrize("data", [b"edited", b"longer than before", b"short", b""])
def test_file_that_changes_is_read_again(path: Path, data: bytes) -> None:
    reader = Reader(lambda: _edit(path, data))
    assert (read_stable(path, reader), reader.n_reads) == (content(data), 2)


def test_file_that_is_replaced_is_read_again(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    _edit(other, b"newer!")
    reader = Reader(lambda: other.replace(path))
    assert (read_stable(path, reader), reader.n_reads) == (content(b"newer!"), 2)


def test_file_that_vanishes_is_not_there(path: Path) -> None:
    reader = Reader(path.unlink)
    with pytest.raises(FileNotFoundError):
        read_stable(path, reader)


def test_file_that_never_rests_is_refused_after_three_reads(path: Path) -> None:
    reader = Reader(*[lambda i=i: _edit(path, b"x" * i) for i in range(1, 9)])
    with pytest.raises(FileChangedError) as caught:
        read_stable(path, reader)
    assert reader.n_reads == 3
    assert caught.value.message == f"{str(path)!r} changed while it was being read"
    assert caught.value.hint == "wait until nobody writes to it any more"


def test_reader_that_misses_the_end_is_not_believed(path: Path) -> None:
    with pytest.raises(FileChangedError):
        read_stable(path, lambda file: content(file.read(3)))


def test_link_is_followed(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(path)
    assert read_stable(link, Reader()) == content(b"before")


def test_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(UnreadableFileError, match="is not a regular file"):
        read_stable(pipe, Reader())


def test_device_is_refused() -> None:
    with pytest.raises(UnreadableFileError, match="'/dev/null' is not a regular file"):
        read_stable(Path("/dev/null"), Reader())


def _read_small(path: Path, found: os.stat_result) -> bytes | None:
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        return read_small(path.name, directory, found.st_size, pack_state(found))
    finally:
        os.close(directory)


def _become_a_link(path: Path) -> None:
    path.rename(path.with_name("target"))
    path.symlink_to("target")


def _become_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("data", [b"", b"before", bytes(600_000)])
def test_small_file_is_read_in_the_state_that_it_was_seen_in(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    assert _read_small(path, path.lstat()) == data


@pytest.mark.parametrize(
    "change",
    [
        lambda path: _edit(path, b"edited"),
        lambda path: _edit(path, b"longer than before"),
        lambda path: _edit(path, b"short"),
        lambda path: path.chmod(0o755),
        _become_a_link,
        _become_a_pipe,
    ],
)
def test_small_file_in_another_state_is_not_taken(
    path: Path, change: Callable[[Path], object]
) -> None:
    found = path.lstat()
    change(path)
    assert _read_small(path, found) is None


def test_small_file_is_read_whole_from_a_file_system_that_gives_little_at_a_time(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.read
    monkeypatch.setattr(os, "read", lambda descriptor, n_bytes: real(descriptor, min(n_bytes, 2)))
    assert _read_small(path, path.lstat()) == b"before"


def test_small_file_that_vanished_is_not_there(path: Path) -> None:
    found = path.lstat()
    path.unlink()
    with pytest.raises(FileNotFoundError):
        _read_small(path, found)
