from __future__ import annotations

import errno
import os
import re
import subprocess
from pathlib import Path

import pytest

from mlv.core.digest import digest_of
from mlv.errors import CorruptDataError, NoStoreError, StorageError, StoreExistsError
from mlv.store import layout as layout_module
from mlv.store.layout import Layout, create_store, open_layout

FILES = {
    ".git/HEAD": b"ref: refs/heads/main\n",
    ".git/config": b"[core]\n\trepositoryformatversion = 0\n\tbare = true\n",
    "clone": b"c0ffee\n",
    "format": b"mlv-store 1\ndigest blake3\n",
    "lock": b"",
    "turnstile": b"",
}
DIRECTORIES = {
    ".git",
    ".git/objects",
    ".git/refs",
    "cache",
    "live",
    "log",
    "objects",
    "packs",
    "quarantine",
    "tmp",
    "trash",
}


def _files_below(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }


def _git(root: Path, *arguments: str) -> str:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "Ada",
        "GIT_AUTHOR_EMAIL": "ada@example.com",
        "GIT_COMMITTER_NAME": "Ada",
        "GIT_COMMITTER_EMAIL": "ada@example.com",
    }
    done = subprocess.run(
        ["git", *arguments], cwd=root, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit, one edited file, one untracked file and a store."""
    _git(tmp_path, "init", "--quiet")
    (tmp_path / "train.py").write_text("print()\n")
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "--quiet", "--message=first")
    (tmp_path / "train.py").write_text("print(1)\n")
    (tmp_path / "notes.txt").write_text("untracked\n")
    (tmp_path / ".git" / "info" / "exclude").write_text("/.mlv/\n")
    create_store(tmp_path / ".mlv", clone_id="c0ffee")
    (tmp_path / ".mlv" / "objects" / "ab").mkdir()
    (tmp_path / ".mlv" / "objects" / "ab" / "cd").write_bytes(b"precious")
    return tmp_path


def test_new_store_has_these_files_and_no_others(tmp_path: Path) -> None:
    root = tmp_path / ".mlv"
    create_store(root, clone_id="c0ffee")
    directories = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_dir()}
    assert (_files_below(root), directories) == (FILES, DIRECTORIES)
    assert [path.name for path in tmp_path.iterdir()] == [".mlv"]


def test_open_finds_the_store(layout: Layout) -> None:
    opened = open_layout(layout.root)
    assert opened.root == layout.root
    assert opened.read_clone_id() == "c0ffee"


def test_store_that_lost_its_id_is_a_storage_error(layout: Layout) -> None:
    (layout.root / "clone").unlink()
    with pytest.raises(StorageError, match="cannot read the id of this clone: no such file"):
        open_layout(layout.root).read_clone_id()


def test_object_is_filed_under_the_first_two_digits(layout: Layout) -> None:
    digest = digest_of(b"")
    assert layout.object_file(digest) == layout.root / "objects" / "af" / digest[2:]
    assert layout.pack_file(digest) == layout.root / "packs" / "af" / digest[2:]


def test_unfinished_file_is_named_after_its_process(layout: Layout) -> None:
    path = layout.new_temporary()
    assert path.parent == layout.root / "tmp"
    assert re.fullmatch(f"{os.getpid()}\\.[0-9a-f]{{16}}", path.name)
    assert layout.new_temporary() != path


@pytest.mark.parametrize("kind", ["store", "file", "broken link"])
def test_second_store_is_refused_and_changes_nothing(tmp_path: Path, kind: str) -> None:
    root = tmp_path / ".mlv"
    if kind == "store":
        create_store(root, clone_id="c0ffee")
    elif kind == "file":
        root.write_text("mine")
    else:
        root.symlink_to("nowhere")
    before = _files_below(tmp_path)
    with pytest.raises(StoreExistsError) as caught:
        create_store(root, clone_id="other")
    assert caught.value.message == f"there is an mlv store in {tmp_path} already"
    assert _files_below(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == [".mlv"]


def test_store_that_appears_meanwhile_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / ".mlv"
    fill = layout_module._fill  # noqa: SLF001

    def fill_and_be_overtaken(temporary: Path, clone_id: str) -> None:
        fill(temporary, clone_id)
        fill(root, "winner")

    monkeypatch.setattr(layout_module, "_fill", fill_and_be_overtaken)
    with pytest.raises(StoreExistsError):
        create_store(root, clone_id="loser")
    assert [path.name for path in tmp_path.iterdir()] == [".mlv"]
    assert open_layout(root).read_clone_id() == "winner"


@pytest.mark.parametrize(("module", "call"), [(os, "fsync"), (Path, "rename")])
def test_store_that_cannot_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: object, call: str
) -> None:
    def fail(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, call, fail)
    with pytest.raises(StorageError) as caught:
        create_store(tmp_path / ".mlv", clone_id="c0ffee")
    assert caught.value.message == f"cannot create a store in {tmp_path}: the disk is full"
    assert caught.value.hint == "free some space and run the same command again"
    assert list(tmp_path.iterdir()) == []


def test_place_without_a_store_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(NoStoreError) as caught:
        open_layout(tmp_path / ".mlv")
    assert caught.value.message == f"there is no mlv store in {tmp_path}"
    assert caught.value.hint == "create one with `mlv init`"


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (b"mlv-store 2\ndigest blake3\n", "'mlv-store 2'"),
        (b"", "''"),
        (b"\xff", "'\ufffd'"),
        (b"mlv-store 1\ndigest sha256\n", "'mlv-store 1'"),
    ],
)
def test_unknown_format_is_refused(layout: Layout, content: bytes, shown: str) -> None:
    (layout.root / "format").write_bytes(content)
    with pytest.raises(CorruptDataError, match=re.escape(f"has the format {shown}")) as caught:
        open_layout(layout.root)
    assert caught.value.hint == "upgrade mlv: `pip install --upgrade mlv`"


def test_store_that_lost_its_format_is_not_taken_for_none(layout: Layout) -> None:
    (layout.root / "format").unlink()
    with pytest.raises(CorruptDataError, match="has lost the file 'format'") as caught:
        open_layout(layout.root)
    assert caught.value.hint == "make it again with `mlv fsck --repair`"


def test_format_that_cannot_be_read_is_a_storage_error(layout: Layout) -> None:
    (layout.root / "format").unlink()
    (layout.root / "format").mkdir()
    with pytest.raises(StorageError, match="cannot open the store: is a directory"):
        open_layout(layout.root)


@pytest.mark.parametrize(
    "command",
    [
        ("clean", "--quiet", "-fdx"),
        ("clean", "--quiet", "-fdX"),
        ("stash", "push", "--quiet", "--all"),
        ("stash", "push", "--quiet", "--include-untracked"),
        ("reset", "--quiet", "--hard"),
        ("add", "--all"),
    ],
    ids=" ".join,
)
def test_git_leaves_the_store_whole(repository: Path, command: tuple[str, ...]) -> None:
    before = _files_below(repository / ".mlv")
    _git(repository, *command)
    assert _files_below(repository / ".mlv") == before
    assert _git(repository, "ls-files", "--", ".mlv") == ""


def test_git_status_is_silent_about_the_store(repository: Path) -> None:
    expected = " M train.py\n?? notes.txt\n"
    assert _git(repository, "status", "--porcelain", "--untracked-files=all") == expected
