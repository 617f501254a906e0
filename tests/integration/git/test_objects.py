from __future__ import annotations

import io
import itertools
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from mlv.core.paths import RepoPath, escape_name
from mlv.errors import GitError
from mlv.git.objects import TreeFile

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.git.conftest import Workspace

_BINARY = bytes(range(256)) * 5000


def test_blobs_are_read_in_the_order_asked(workspace: Workspace) -> None:
    workspace.write("binary", _BINARY)
    workspace.write("empty", b"")
    workspace.commit()
    ids = [workspace.git("rev-parse", f"HEAD:{name}") for name in ("binary", "empty", "train.py")]

    blobs = list(workspace.open().read_blobs([*ids, ids[0]]))

    contents = [_BINARY, b"", b"print('train')\n", _BINARY]
    assert blobs == list(zip([*ids, ids[0]], contents, strict=True))


def test_reading_blobs_may_stop_early(workspace: Workspace) -> None:
    blob = workspace.git("rev-parse", "HEAD:train.py")
    blobs = workspace.open().read_blobs(itertools.repeat(blob))

    first = next(iter(blobs))
    blobs.close()  # type: ignore[attr-defined]

    assert first == (blob, b"print('train')\n")


@pytest.mark.parametrize("revision", ["HEAD", "HEAD^{tree}"])
def test_reading_blobs_refuses_what_is_no_blob(workspace: Workspace, revision: str) -> None:
    other = workspace.git("rev-parse", revision)

    with pytest.raises(GitError, match=f"'{other}' is not in this repository"):
        list(workspace.open().read_blobs([other]))


def test_missing_blob_is_named(workspace: Workspace) -> None:
    with pytest.raises(GitError, match="'1111111111111111111111111111111111111111' is not in"):
        list(workspace.open().read_blobs(["1" * 40]))


def test_blob_is_exported_byte_for_byte(workspace: Workspace) -> None:
    workspace.write("binary", _BINARY)
    workspace.commit()
    destination = io.BytesIO()

    workspace.open().export_blob(workspace.git("rev-parse", "HEAD:binary"), destination)

    assert destination.getvalue() == _BINARY


def test_export_of_a_missing_blob_fails(workspace: Workspace) -> None:
    with pytest.raises(GitError, match="git cat-file failed"):
        workspace.open().export_blob("1" * 40, io.BytesIO())


def test_export_into_a_closed_pipe_is_not_taken_for_done(workspace: Workspace) -> None:
    workspace.write("binary", _BINARY)
    workspace.commit()
    reader, writer = os.pipe()
    os.close(reader)

    with os.fdopen(writer, "wb", buffering=0) as destination, pytest.raises(BrokenPipeError):
        workspace.open().export_blob(workspace.git("rev-parse", "HEAD:binary"), destination)


@pytest.mark.parametrize("text", ["HEAD", "--batch", "", "1" * 39, "1" * 40 + "\n"])
def test_blob_is_read_by_full_id_only(workspace: Workspace, text: str) -> None:
    with pytest.raises(GitError, match="is not a Git object id"):
        workspace.open().read_blob(text)


def test_tree_files_have_mode_and_size(workspace: Workspace) -> None:
    workspace.write(b"odd\n\xff name", "odd")
    (workspace.root / "run.sh").write_text("#!/bin/sh\n")
    (workspace.root / "run.sh").chmod(0o755)
    (workspace.root / "link").symlink_to("run.sh")
    workspace.commit()

    files = workspace.open().tree_files("HEAD")

    facts = {path: (file.mode, file.size_bytes) for path, file in files.items()}
    assert facts == {
        "link": (0o120000, 6),
        "odd\\n\\xff name": (0o100644, 3),
        "params.yaml": (0o100644, 8),
        "run.sh": (0o100755, 10),
        "src/model.py": (0o100644, 20),
        "train.py": (0o100644, 15),
    }


def test_tree_files_name_their_blobs(workspace: Workspace) -> None:
    blob = workspace.git("rev-parse", "HEAD:train.py")

    files = workspace.open().tree_files(workspace.git("rev-parse", "HEAD^{tree}"))

    assert files[RepoPath("train.py")] == TreeFile(mode=0o100644, blob_id=blob, size_bytes=15)


def test_blob_at_finds_each_path_in_each_commit(workspace: Workspace) -> None:
    first = workspace.git("rev-parse", "HEAD")
    workspace.write("train.py", "second")
    workspace.write(b"new\nline\xff", "odd")
    second = workspace.commit()
    names = ("train.py", "new\\nline\\xff", "src", "missing", "src/model.py blob")
    paths = [RepoPath(name) for name in names]

    found = workspace.open().blob_at([first, second], paths)

    assert found == {
        (first, "train.py"): workspace.git("rev-parse", f"{first}:train.py"),
        (second, "train.py"): workspace.git("rev-parse", f"{second}:train.py"),
        (second, "new\\nline\\xff"): workspace.git("rev-parse", f"{second}:new\nline\udcff"),
    }


def test_blob_at_asks_nothing_for_nothing(workspace: Workspace) -> None:
    assert workspace.open().blob_at([], [RepoPath("train.py")]) == {}


def _as_written(workspace: Workspace, *names: bytes) -> dict[RepoPath, bytes]:
    repository = workspace.open()
    files = repository.tree_files("HEAD")
    paths = [RepoPath(escape_name(name)) for name in names]
    return dict(repository.read_worktree_files({path: files[path].blob_id for path in paths}))


def test_worktree_files_go_through_filters_whatever_their_size_and_name(
    workspace: Workspace,
) -> None:
    workspace.write(".gitattributes", "* filter=double\n")
    workspace.git("config", "filter.double.clean", "cat")
    workspace.git("config", "filter.double.smudge", "sed p")
    contents: dict[bytes, bytes] = {
        b"plain": b"a\n",
        b"empty": b"",
        b"no newline": b"a",
        b" blank first": b"b\n",
        b"two\nlines": b"c\n",
        b"\xff odd\t": b"d\n\0\n",
    }
    for name, content in contents.items():
        workspace.write(name, content)
    workspace.commit()

    found = _as_written(workspace, *contents)

    assert found == {
        RepoPath(escape_name(name)): subprocess.run(
            ["sed", "p"], input=content, capture_output=True, check=True
        ).stdout
        for name, content in contents.items()
    }


def test_worktree_files_come_from_one_process(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    repository = workspace.open()
    files = repository.tree_files("HEAD")
    list(repository.read_blobs([]))  # importing GitPython runs Git as well
    trace = tmp_path / "trace"
    trace.mkdir()
    monkeypatch.setenv("GIT_TRACE2_EVENT", str(trace))

    list(repository.read_worktree_files({path: file.blob_id for path, file in files.items()}))

    assert (len(files), len(list(trace.iterdir()))) == (3, 1)


def test_worktree_file_without_its_blob_is_an_error(workspace: Workspace) -> None:
    with pytest.raises(GitError, match="is not in this repository"):
        list(workspace.open().read_worktree_files({RepoPath("train.py"): "a" * 40}))


def test_worktree_file_of_a_failing_filter_is_an_error(workspace: Workspace) -> None:
    workspace.write(".gitattributes", "*.py filter=broken\n")
    workspace.git("config", "filter.broken.smudge", "false")
    workspace.git("config", "filter.broken.required", "true")

    with pytest.raises(GitError, match="smudge filter broken failed") as caught:
        _as_written(workspace, b"train.py", b"src/model.py")

    assert caught.value.hint is not None
