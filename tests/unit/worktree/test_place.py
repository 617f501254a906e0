from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlv.core.paths import RepoPath, escape_name
from mlv.core.tree import EntryKind
from mlv.errors import WorktreeError
from mlv.worktree.place import place, remove, remove_directory

FILE = RepoPath("file")


def _full_disk() -> Iterator[bytes]:
    yield b"half of it"
    raise OSError(errno.ENOSPC, "No space left on device")


def _listing(root: Path) -> dict[str, bytes | str | None]:
    """Return everything below `root`: bytes of files, targets of links, None for directories."""
    return {
        path.relative_to(root).as_posix(): (
            str(path.readlink())
            if path.is_symlink()
            else path.read_bytes()
            if path.is_file()
            else None
        )
        for path in root.rglob("*")
    }


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A worktree with something precious beside it."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "precious").write_bytes(b"precious")
    root = tmp_path / "root"
    root.mkdir()
    (root / "way-out").symlink_to("../outside")
    (root / "to-precious").symlink_to("../outside/precious")
    (root / "file").write_bytes(b"old")
    (root / "directory").mkdir()
    return root


@pytest.mark.parametrize(
    ("kind", "mode", "expected"),
    [
        ("file", None, 0o644),
        ("exec", None, 0o755),
        ("file", 0o600, 0o600),
        ("exec", 0o711, 0o711),
        ("file", 0o444, 0o444),
    ],
)
@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_file_gets_content_and_mode(
    root: Path, kind: EntryKind, mode: int | None, expected: int, umask: int
) -> None:
    before = os.umask(umask)
    try:
        made = place(root, FILE, kind, [b"new ", b"content"], mode=mode)
    finally:
        os.umask(before)
    assert (made, (root / "file").read_bytes()) == ([], b"new content")
    assert (root / "file").stat().st_mode & 0o7777 == expected


def test_directories_on_the_way_are_made_and_named(root: Path) -> None:
    made = place(root, RepoPath("directory/a/b/file"), "file", [b"x"])
    assert made == ["directory/a", "directory/a/b"]
    assert (root / "directory/a/b/file").read_bytes() == b"x"


@pytest.mark.parametrize("target", ["../outside", "nowhere", "/etc/passwd"])
def test_link_is_made_as_it_was(root: Path, target: str) -> None:
    place(root, FILE, "link", [target[:2].encode(), target[2:].encode()])
    assert str((root / "file").readlink()) == target


@pytest.mark.parametrize("kind", ["file", "link"])
def test_link_that_is_there_is_replaced_and_not_followed(root: Path, kind: EntryKind) -> None:
    place(root, RepoPath("to-precious"), kind, [b"new"])
    listing = _listing(root.parent)
    assert listing["outside/precious"] == b"precious"
    assert listing["root/to-precious"] == ("new" if kind == "link" else b"new")


def test_hard_link_elsewhere_keeps_its_content(root: Path) -> None:
    os.link(root / "file", root / "twin")
    place(root, FILE, "file", [b"new"])
    assert (root / "twin").read_bytes() == b"old"


@pytest.mark.parametrize(
    "raw", [b"latin-\xe9", b"new\nline", b" ", b"-rf", b"back\\slash", "grün".encode(), b"x" * 255]
)
def test_any_name_can_be_placed(root: Path, raw: bytes) -> None:
    place(root, RepoPath(escape_name(raw)), "file", [b"x"])
    assert (root / os.fsdecode(raw)).read_bytes() == b"x"


@pytest.mark.parametrize(
    "path",
    [
        "",
        ".",
        "..",
        "../file",
        "directory/../../outside/file",
        "a/../file",
        "/etc/file",
        "a//file",
        "file/",
        "./file",
        ".git/hooks/pre-commit",
        "directory/.git/config",
        ".GIT/config",
        ".mlv/format",
        r"a\x00b",
        r"..\x2f..\x2foutside\x2ffile",
        "\\",
    ],
)
def test_path_that_leads_elsewhere_is_refused(root: Path, path: str) -> None:
    before = _listing(root.parent)
    for act in (
        lambda: place(root, RepoPath(path), "file", [b"evil"]),
        lambda: remove(root, RepoPath(path)),
        lambda: remove_directory(root, RepoPath(path)),
    ):
        with pytest.raises(WorktreeError) as caught:
            act()
        assert caught.value.message == f"{path!r} is not a path inside the worktree"
    assert _listing(root.parent) == before


@pytest.mark.parametrize("path", ["way-out/precious", "way-out/new/file", "file/below"])
def test_parent_that_is_no_directory_is_in_the_way(root: Path, path: str) -> None:
    before = _listing(root.parent)
    parent = path.partition("/")[0]
    for act in (
        lambda: place(root, RepoPath(path), "file", [b"evil"]),
        lambda: remove(root, RepoPath(path)),
        lambda: remove_directory(root, RepoPath(path)),
    ):
        with pytest.raises(WorktreeError) as caught:
            act()
        assert caught.value.message == f"a file or a symbolic link is in the way at {parent!r}"
        assert caught.value.hint == f"move {parent} elsewhere, then try again"
    assert _listing(root.parent) == before


def test_directory_in_the_way_is_left_alone(root: Path) -> None:
    before = _listing(root)
    for act in (
        lambda: place(root, RepoPath("directory"), "file", [b"x"]),
        lambda: remove(root, RepoPath("directory")),
    ):
        with pytest.raises(WorktreeError, match="a directory is in the way at 'directory'"):
            act()
    assert _listing(root) == before


@pytest.mark.parametrize("path", ["file", "to-precious", "directory/new"])
def test_content_that_breaks_off_leaves_what_was_there(root: Path, path: str) -> None:
    before = _listing(root.parent)
    with pytest.raises(OSError, match="No space left"):
        place(root, RepoPath(path), "file", _full_disk())
    assert _listing(root.parent) == before


def test_failure_to_publish_leaves_what_was_there(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    before = _listing(root)
    monkeypatch.setattr(os, "replace", fail)
    for kind in ("file", "link"):
        with pytest.raises(OSError, match="Input/output"):
            place(root, FILE, "link" if kind == "link" else "file", [b"new"])
    assert _listing(root) == before


@pytest.mark.parametrize("path", ["file", "to-precious"])
def test_remove_takes_the_file_or_link_itself(root: Path, path: str) -> None:
    expected = {
        name: each for name, each in _listing(root.parent).items() if name != f"root/{path}"
    }
    remove(root, RepoPath(path))
    assert _listing(root.parent) == expected


@pytest.mark.parametrize("path", ["missing", "missing/deeper", "directory/missing"])
def test_remove_of_nothing_does_nothing(root: Path, path: str) -> None:
    before = _listing(root)
    remove(root, RepoPath(path))
    remove_directory(root, RepoPath(path))
    assert _listing(root) == before


def test_directory_is_removed_only_when_it_is_empty(root: Path) -> None:
    place(root, RepoPath("directory/inner/file"), "file", [b"x"])
    remove_directory(root, RepoPath("directory/inner"))
    assert (root / "directory/inner").is_dir()
    remove(root, RepoPath("directory/inner/file"))
    remove_directory(root, RepoPath("directory/inner"))
    assert not (root / "directory/inner").exists()
