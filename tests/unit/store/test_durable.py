from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from mlv.store.durable import replace_file, write_all


def test_replace_writes_a_new_file(tmp_path: Path) -> None:
    path = tmp_path / "new.json"
    replace_file(path, b"content", mode=0o600)
    assert path.read_bytes() == b"content"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_replace_puts_new_content_in_place_of_old(tmp_path: Path) -> None:
    path = tmp_path / "old.json"
    path.write_bytes(b"much longer than before")
    replace_file(path, b"short")
    assert path.read_bytes() == b"short"


def test_replace_does_not_write_through_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"other")
    link.symlink_to(target)
    replace_file(link, b"mine")
    assert (target.read_bytes(), link.read_bytes(), link.is_symlink()) == (b"other", b"mine", False)


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_replace_that_fails_leaves_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def fail(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "old.json"
    path.write_bytes(b"old")
    with monkeypatch.context() as patched:
        patched.setattr(os, call, fail)
        with pytest.raises(OSError, match="No space left"):
            replace_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_write_all_goes_on_after_a_short_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def write_a_little(descriptor: int, data: memoryview) -> int:
        return write(descriptor, data[:3])

    path = tmp_path / "file"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", write_a_little)
        write_all(descriptor, b"0123456789")
    os.close(descriptor)
    assert path.read_bytes() == b"0123456789"
