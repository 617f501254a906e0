from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from mlv.core.paths import RepoPath
from mlv.git.selection import LeftOut, Reason, SnapshotRules
from mlv.git.snapshot import Snapshot, take_snapshot

if TYPE_CHECKING:
    from tests.integration.git.conftest import Workspace

_MIB = 1024 * 1024


def _take(
    workspace: Workspace,
    **rules: Any,  # noqa: ANN401 - attributes of SnapshotRules
) -> Snapshot:
    return take_snapshot(
        workspace.open(),
        ref="refs/mlv/runs/one",
        message="mlv run",
        when=0,
        rules=SnapshotRules(**rules),
    )


def _left_out(path: str, size_bytes: int, reason: Reason, detail: str = "") -> LeftOut:
    return LeftOut(path=RepoPath(path), size_bytes=size_bytes, reason=reason, detail=detail)


def _read(workspace: Workspace, snapshot: Snapshot, path: str) -> str:
    return workspace.git("show", f"{snapshot.commit}:{path}")


def test_file_over_ten_mebibytes_is_left_out(workspace: Workspace) -> None:
    workspace.write("fits", bytes(10 * _MIB))
    workspace.write("too-large", bytes(10 * _MIB + 1))

    snapshot = _take(workspace)

    assert snapshot.untracked == ("fits",)
    assert snapshot.left_out == (_left_out("too-large", 10 * _MIB + 1, "large"),)


def test_largest_untracked_files_are_left_out_until_the_rest_fits(workspace: Workspace) -> None:
    for size in (10, 40, 20, 30):
        workspace.write(f"file-{size}", bytes(size))

    snapshot = _take(workspace, untracked_size_bytes=35)

    assert snapshot.untracked == ("file-10", "file-20")
    assert snapshot.left_out == (
        _left_out("file-30", 30, "large"),
        _left_out("file-40", 40, "large"),
    )


def test_large_tracked_file_stays_as_the_index_has_it(workspace: Workspace) -> None:
    workspace.write("params.yaml", "lr: 0.2\n")
    workspace.git("add", "-A")
    workspace.write("params.yaml", "x" * 100)

    snapshot = _take(workspace, file_size_bytes=99)

    assert _read(workspace, snapshot, "params.yaml") == "lr: 0.2"
    assert snapshot.left_out == (_left_out("params.yaml", 100, "large"),)


def test_large_file_in_a_conflict_is_left_out(workspace: Workspace) -> None:
    workspace.git("switch", "--quiet", "-c", "side")
    workspace.write("params.yaml", "lr: 0.2\n")
    workspace.commit()
    workspace.git("switch", "--quiet", "main")
    workspace.write("params.yaml", "lr: 0.3\n")
    workspace.commit()
    with pytest.raises(Exception, match="returned non-zero"):
        workspace.git("merge", "side")
    workspace.write("params.yaml", "x" * 100)

    snapshot = _take(workspace, file_size_bytes=99)

    assert snapshot.left_out == (_left_out("params.yaml", 100, "large"),)
    assert list(workspace.open().tree_files(snapshot.commit)) == ["src/model.py", "train.py"]


@pytest.mark.parametrize("announce", [False, True], ids=["untracked", "intent-to-add"])
def test_secrets_are_left_out(workspace: Workspace, *, announce: bool) -> None:
    workspace.write(".env", "TOKEN=1\n")
    workspace.write(".env.example", "TOKEN=\n")
    workspace.write("deploy", "-----BEGIN OPENSSH PRIVATE KEY-----\n")
    if announce:
        workspace.git("add", "--intent-to-add", "-A")

    snapshot = _take(workspace)

    assert snapshot.untracked == (".env.example",)
    assert snapshot.left_out == (
        _left_out(".env", 8, "secret", "by its name"),
        _left_out("deploy", 36, "secret", "private key"),
    )
    assert [change.path for change in workspace.open().diff("HEAD", snapshot.commit)] == [
        ".env.example",
    ]


def test_secret_does_not_reach_the_object_database(workspace: Workspace) -> None:
    workspace.write(".env", "TOKEN=1\n")
    workspace.write("new.txt")
    blob = workspace.git("hash-object", ".env")

    _take(workspace)

    assert blob not in workspace.git("cat-file", "--batch-all-objects", "--batch-check")


def test_secret_that_is_too_large_is_a_secret(workspace: Workspace) -> None:
    workspace.write("key", "-----BEGIN PRIVATE KEY-----\n" + "x" * 100)

    snapshot = _take(workspace, file_size_bytes=99)

    assert [entry.reason for entry in snapshot.left_out] == ["secret"]


def test_secret_that_git_tracks_is_taken(workspace: Workspace) -> None:
    workspace.write(".env", "TOKEN=1\n")
    workspace.commit()
    workspace.write(".env", "TOKEN=2\n")

    snapshot = _take(workspace)

    assert _read(workspace, snapshot, ".env") == "TOKEN=2"
    assert snapshot.left_out == ()


def test_excluded_paths_are_left_out_whoever_tracks_them(workspace: Workspace) -> None:
    workspace.write("data/a.csv", "1\n")
    workspace.write("data-other.csv")
    workspace.write("params.yaml", "lr: 0.25\n")
    (workspace.root / "train.py").unlink()

    snapshot = _take(workspace, exclude=frozenset({"data", "params.yaml", "train.py", "model.pkl"}))

    assert snapshot.untracked == ("data-other.csv",)
    assert snapshot.left_out == (
        _left_out("data/a.csv", 2, "excluded"),
        _left_out("params.yaml", 9, "excluded"),
        _left_out("train.py", 0, "excluded"),
    )
    assert _read(workspace, snapshot, "params.yaml") == "lr: 0.1"


def test_excluded_file_gives_way_to_what_took_its_place(workspace: Workspace) -> None:
    (workspace.root / "src" / "model.py").unlink()
    (workspace.root / "src").rmdir()
    workspace.write("src", "a file now\n")

    snapshot = _take(workspace, exclude=frozenset({"src/model.py"}))

    assert list(workspace.open().tree_files(snapshot.commit)) == ["params.yaml", "src", "train.py"]


def test_excluding_the_root_leaves_everything_out(workspace: Workspace) -> None:
    workspace.write("data/a.csv")

    snapshot = _take(workspace, exclude=frozenset({"."}))

    assert (snapshot.dirty, [entry.path for entry in snapshot.left_out]) == (False, ["data/a.csv"])


@pytest.mark.parametrize("has_commit", [False, True])
def test_nested_repository_is_left_out(workspace: Workspace, *, has_commit: bool) -> None:
    nested = type(workspace)(workspace.root / "vendor" / "nested")
    nested.root.mkdir(parents=True)
    nested.git("init", "--quiet")
    nested.write("file")
    if has_commit:
        nested.commit()

    snapshot = _take(workspace)

    assert snapshot.left_out == (_left_out("vendor/nested", 0, "repository"),)
    assert not snapshot.dirty


def test_pipe_in_place_of_a_file_is_left_out(workspace: Workspace) -> None:
    (workspace.root / "params.yaml").unlink()
    os.mkfifo(workspace.root / "params.yaml")

    snapshot = _take(workspace)

    assert snapshot.left_out == (_left_out("params.yaml", 0, "unreadable"),)
    assert not snapshot.dirty


def test_unreadable_files_and_directories_are_left_out(workspace: Workspace) -> None:
    workspace.write("private/file")
    workspace.write("locked")
    workspace.write("params.yaml", "lr: 0.25\n")
    for name in ("private", "locked", "params.yaml"):
        (workspace.root / name).chmod(0)
    if os.access(workspace.root / "locked", os.R_OK):
        pytest.skip("this user may read everything")

    snapshot = _take(workspace)

    (workspace.root / "private").chmod(0o755)
    assert snapshot.left_out == (
        _left_out("locked", 8, "unreadable"),
        _left_out("params.yaml", 9, "unreadable"),
        _left_out("private", 0, "unreadable"),
    )
