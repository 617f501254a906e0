from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mlv.worktree.signature import Signature, read_signature

SECOND_NS = 1_000_000_000
NEVER = 1 << 62
"""Long after every timestamp."""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    (data / "deep").mkdir(parents=True)
    (data / "deep" / "file").write_bytes(b"before")
    (data / "link").symlink_to("deep")
    return data


def _edit_unseen(path: Path) -> None:
    """Write other bytes of the same size and put the time of the change back."""
    before = path.stat()
    # The clock of file systems may be coarse: until it has gone on, nobody can tell.
    while path.stat().st_ctime_ns == before.st_ctime_ns:
        path.write_bytes(b"after!")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_mtime_ns == before.st_mtime_ns


def _replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"before")
    other.replace(path)


CHANGES: dict[str, Callable[[Path], object]] = {
    "content": lambda data: (data / "deep" / "file").write_bytes(b"much longer"),
    "same size, mtime put back": lambda data: _edit_unseen(data / "deep" / "file"),
    "mode": lambda data: (data / "deep" / "file").chmod(0o755),
    "mtime": lambda data: os.utime(data / "deep" / "file", ns=(0, 0)),
    "replaced by an equal file": lambda data: _replace(data / "deep" / "file"),
    "new file": lambda data: (data / "new").write_bytes(b""),
    "removed file": lambda data: (data / "deep" / "file").unlink(),
    "renamed file": lambda data: (data / "deep" / "file").rename(data / "deep" / "name"),
    "all removed": lambda data: data.rename(data.with_name("elsewhere")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_signature_differs_after_a_change(data: Path, change: str) -> None:
    before = read_signature(data, now_ns=NEVER)
    CHANGES[change](data)
    after = read_signature(data, now_ns=NEVER)
    assert before.value != after.value
    assert not before.proves_unchanged(after)


def test_signature_of_a_link_does_not_follow_it(data: Path) -> None:
    before = read_signature(data / "link", now_ns=NEVER)
    (data / "deep" / "file").write_bytes(b"much longer")
    assert read_signature(data / "link", now_ns=NEVER) == before


def test_signature_of_nothing_is_always_the_same(tmp_path: Path) -> None:
    one, two = (read_signature(tmp_path / "missing", now_ns=NEVER) for _ in range(2))
    assert one == two
    assert one.newest_ns == 0


def test_signature_knows_the_newest_timestamp(data: Path) -> None:
    file = data / "deep" / "file"
    os.utime(file, ns=(0, NEVER >> 1))
    assert read_signature(data, now_ns=NEVER).newest_ns == file.stat().st_mtime_ns


@pytest.mark.parametrize(
    ("age_ns", "expected"),
    [
        (-SECOND_NS, False),
        (0, False),
        (SECOND_NS, False),
        (2 * SECOND_NS, False),
        (2 * SECOND_NS + 1, True),
        (60 * SECOND_NS, True),
    ],
)
def test_file_that_was_just_touched_proves_nothing(age_ns: int, *, expected: bool) -> None:
    newest_ns = 10 * SECOND_NS
    early = Signature(value="v", newest_ns=newest_ns, taken_ns=newest_ns + age_ns)
    late = Signature(value="v", newest_ns=newest_ns, taken_ns=NEVER)
    assert early.proves_unchanged(late) is expected


@pytest.mark.parametrize("name", [".git", ".mlv"])
def test_signature_passes_over_what_a_fingerprint_does(data: Path, name: str) -> None:
    (data / name).mkdir()
    (data / name / "file").write_bytes(b"before")
    before = read_signature(data, now_ns=NEVER)
    (data / name / "file").write_bytes(b"much longer")
    assert read_signature(data, now_ns=NEVER) == before


def test_signature_of_a_directory_that_may_not_be_read_is_its_own(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> list[str]:
        raise PermissionError(errno.EACCES, "Permission denied")

    whole = read_signature(data, now_ns=NEVER)
    monkeypatch.setattr(os, "listdir", refuse)
    alone = read_signature(data, now_ns=NEVER)
    assert alone.value != whole.value
    assert alone.newest_ns == data.stat().st_ctime_ns
