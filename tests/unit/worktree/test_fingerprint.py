from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from mlv.core.digest import digest_of
from mlv.core.run import Content
from mlv.core.tree import EntryKind, Fingerprint, TreeEntry, encode_tree
from mlv.errors import FileChangedError, MissingFileError, UnreadableFileError
from mlv.worktree.fingerprint import (
    HashOnly,
    find_fingerprint,
    fingerprint,
)
from tests.unit.core.builders import entry
from tests.unit.core.builders import fingerprint as fingerprint_of

EMPTY_TREE = encode_tree([])


class MemorySink(HashOnly):
    """Keeps everything, and lets a test meddle after each file."""

    def __init__(self, meddle: Callable[[Path], object] = str) -> None:
        self.kept: dict[str, bytes] = {}
        self._meddle = meddle

    def add_bytes(self, data: bytes) -> Content:
        self.kept[digest_of(data)] = data
        return super().add_bytes(data)

    def add_file(self, path: Path) -> Content:
        self.kept[digest_of(path.read_bytes())] = path.read_bytes()
        content = super().add_file(path)
        self._meddle(path)
        return content


def _directory(*entries: TreeEntry, n_files: int, total_bytes: int) -> Fingerprint:
    tree = encode_tree(entries)
    return Fingerprint(
        kind="dir",
        digest=digest_of(tree),
        size_bytes=len(tree),
        n_files=n_files,
        total_bytes=total_bytes,
    )


def _inner(name: str, found: Fingerprint) -> TreeEntry:
    return TreeEntry(name=name, kind=found.kind, digest=found.digest, size_bytes=found.size_bytes)


@pytest.mark.parametrize("data", [b"", b"text\n", bytes(3 << 20)], ids=["empty", "text", "3 MiB"])
@pytest.mark.parametrize(("mode", "kind"), [(0o644, "file"), (0o755, "exec"), (0o700, "exec")])
def test_file_has_kind_digest_and_size(
    tmp_path: Path, data: bytes, mode: int, kind: EntryKind
) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    path.chmod(mode)
    assert fingerprint(path, HashOnly()) == fingerprint_of(data, kind)


@pytest.mark.parametrize("target", ["file", "nowhere", "/etc", ".", "grün"])
def test_link_is_its_target_and_is_not_followed(tmp_path: Path, target: str) -> None:
    (tmp_path / "file").write_bytes(b"content")
    link = tmp_path / "link"
    link.symlink_to(target)
    assert fingerprint(link, HashOnly()) == fingerprint_of(target.encode(), "link")


def test_empty_directory_is_an_empty_tree(tmp_path: Path) -> None:
    assert fingerprint(tmp_path, HashOnly()) == _directory(n_files=0, total_bytes=0)


def test_directory_is_the_tree_of_all_that_it_holds(tmp_path: Path) -> None:
    (tmp_path / "b" / "empty").mkdir(parents=True)
    (tmp_path / "b" / "deep.bin").write_bytes(b"12345")
    (tmp_path / "a.txt").write_bytes(b"1")
    (tmp_path / "run.sh").write_bytes(b"22")
    (tmp_path / "run.sh").chmod(0o755)
    (tmp_path / "to-b").symlink_to("b")
    sink = MemorySink()

    found = fingerprint(tmp_path, sink)

    empty = _directory(n_files=0, total_bytes=0)
    inner = _directory(
        entry("deep.bin", b"12345"), _inner("empty", empty), n_files=1, total_bytes=5
    )
    assert found == _directory(
        entry("a.txt", b"1"),
        _inner("b", inner),
        entry("run.sh", b"22", "exec"),
        entry("to-b", b"b", "link"),
        n_files=4,
        total_bytes=9,
    )
    assert set(sink.kept.values()) >= {b"12345", b"1", b"22", b"b", EMPTY_TREE}


def test_equal_directories_are_equal_wherever_they_are(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        for file in sorted("abc", reverse=name == "two"):
            (tmp_path / name / file).write_text(file)
    one, two = (fingerprint(tmp_path / name, HashOnly()) for name in ("one", "two"))
    assert one == two


@pytest.mark.parametrize(
    ("raw", "escaped"),
    [
        (b"latin-\xe9", r"latin-\xe9"),
        (b"new\nline", r"new\nline"),
        (b"a b\t", r"a b\x09"),
        ("grün".encode(), "grün"),
        (b"-rf", "-rf"),
        (b"back\\slash", r"back\\slash"),
        (b".gitignore", ".gitignore"),
    ],
)
def test_any_name_can_be_stored(tmp_path: Path, raw: bytes, escaped: str) -> None:
    (tmp_path / os.fsdecode(raw)).write_bytes(b"x")
    expected = _directory(entry(escaped, b"x"), n_files=1, total_bytes=1)
    assert fingerprint(tmp_path, HashOnly()) == expected


@pytest.mark.parametrize("name", [".GIT", ".Mlv", "git~1"])
def test_name_that_cannot_be_stored_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(UnreadableFileError, match=r"cannot be stored: .* cannot be the name"):
        fingerprint(tmp_path, HashOnly())


def test_git_store_sockets_and_pipes_are_passed_over(tmp_path: Path) -> None:
    for name in (".git", ".mlv"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "inside").write_text("x")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / ".git").write_text("gitdir: elsewhere")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        directory = os.open(tmp_path, os.O_RDONLY)
        # Through the descriptor, because the path of a socket has to be short.
        server.bind(f"/proc/self/fd/{directory}/socket")
        os.close(directory)
    sub = _directory(n_files=0, total_bytes=0)
    assert fingerprint(tmp_path, HashOnly()) == _directory(
        _inner("sub", sub), n_files=0, total_bytes=0
    )


@pytest.mark.parametrize("path", ["missing", "missing/deeper", "file/deeper"])
def test_path_with_nothing_at_it_is_missing(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(MissingFileError) as caught:
        fingerprint(tmp_path / path, HashOnly())
    assert caught.value.message == f"{str(tmp_path / path)!r} is not there"
    assert find_fingerprint(tmp_path / path, HashOnly()) is None


def test_pipe_itself_has_no_fingerprint(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UnreadableFileError, match="neither a file, a directory nor a symbolic"):
        fingerprint(tmp_path / "pipe", HashOnly())


def test_file_that_vanishes_from_a_directory_is_no_missing_directory(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    sink = MemorySink(lambda _: (tmp_path / "b").unlink())
    with pytest.raises(FileChangedError) as caught:
        find_fingerprint(tmp_path, sink)
    vanished = str(tmp_path / "b")
    assert caught.value.message == f"{vanished!r} vanished while {str(tmp_path)!r} was being read"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("name", ["file", "directory"])
def test_what_may_not_be_read_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "directory").mkdir()
    (tmp_path / name).chmod(0)
    with pytest.raises(UnreadableFileError) as caught:
        fingerprint(tmp_path, HashOnly())
    (tmp_path / name).chmod(0o700)
    assert caught.value.message == f"{str(tmp_path / name)!r} cannot be read: permission denied"
    assert caught.value.hint == "check its permissions with `ls -l`"


def test_permission_error_is_told_with_the_path(tmp_path: Path) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    (tmp_path / "file").write_text("x")
    with pytest.raises(UnreadableFileError) as caught:
        fingerprint(tmp_path, MemorySink(refuse))
    assert caught.value.message == f"{str(tmp_path / 'file')!r} cannot be read: permission denied"
