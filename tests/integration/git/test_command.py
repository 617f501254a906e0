from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from mlv.errors import GitError, StorageError
from mlv.git.command import GitCommand
from mlv.git.failures import git_failure
from mlv.git.snapshot import take_snapshot
from tests.integration.git.conftest import Workspace

if TYPE_CHECKING:
    from pathlib import Path


def test_git_absent_is_reported_with_a_hint(
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(GitError, match="'git' was not found") as caught:
        workspace.open().head()

    assert caught.value.hint is not None
    assert "install Git" in caught.value.hint


def test_git_absent_is_reported_inside_a_hook(
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    only_env = tmp_path / "bin"
    only_env.mkdir()
    (only_env / "env").symlink_to(shutil.which("env") or "/usr/bin/env")
    monkeypatch.setenv("GIT_DIR", "elsewhere")
    monkeypatch.setenv("PATH", str(only_env))

    with pytest.raises(GitError, match="'git' was not found"):
        workspace.open().head()


def test_foreign_owner_is_refused_with_the_hint_of_git(
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")

    with pytest.raises(GitError, match="detected dubious ownership") as caught:
        workspace.open().head()

    assert caught.value.hint == f"git config --global --add safe.directory {workspace.root}"


def test_foreign_owner_is_refused_while_streaming(
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    blob = workspace.git("rev-parse", "HEAD:train.py")
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")

    with pytest.raises(GitError, match="detected dubious ownership"):
        list(workspace.open().read_blobs([blob]))


def test_environment_of_a_hook_does_not_lead_to_another_repository(
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    other = Workspace(tmp_path / "other")
    other.root.mkdir()
    other.git("init", "--quiet")
    other.write("other.txt")
    other.commit()
    head = workspace.git("rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(other.root / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other.root))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other.root / ".git" / "index"))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(other.root / ".git" / "objects"))

    assert workspace.open().head().commit == head


def test_vanished_repository_is_not_looked_for_in_its_parents(workspace: Workspace) -> None:
    inner = Workspace(workspace.root / "inner")
    inner.root.mkdir()
    inner.git("init", "--quiet")
    repository = inner.open()
    shutil.rmtree(inner.root / ".git")

    with pytest.raises(GitError, match="not a git repository"):
        repository.head()


def test_vanished_directory_is_an_error_not_the_current_directory(
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(workspace.root)
    gone = GitCommand(tmp_path / "gone")

    with pytest.raises(GitError, match="cannot change to"):
        gone.run("rev-parse", "HEAD")


def test_failure_names_the_subcommand_and_the_complaint(workspace: Workspace) -> None:
    with pytest.raises(GitError, match=r"^git cat-file failed: .*bad file"):
        workspace.open().read_blob("0" * 40)


def test_input_larger_than_a_pipe_passes(workspace: Workspace) -> None:
    content = bytes(range(256)) * 4096

    written = workspace.open().command.run("hash-object", "-w", "--stdin", stdin=content)

    assert workspace.open().read_blob(written.stdout.decode().strip()) == content


@pytest.mark.parametrize("directory", ["refs", "objects"])
def test_read_only_repository_is_a_storage_error(workspace: Workspace, directory: str) -> None:
    path = workspace.root / ".git" / directory
    path.chmod(0o555)
    if os.access(path, os.W_OK):
        pytest.skip("this user may write everywhere")
    workspace.write("params.yaml", "lr: 0.2\n")

    with pytest.raises(StorageError):
        take_snapshot(workspace.open(), ref="refs/mlv/runs/one", message="m", when=0)


@pytest.mark.parametrize(
    ("complaint", "message"),
    [
        (
            "fatal: unable to write loose object file: No space left on device",
            "cannot use the Git repository: the disk is full",
        ),
        (
            "error: unable to create temporary file: Read-only file system",
            "cannot use the Git repository: the file system is read-only",
        ),
        (
            "fatal: update_ref failed: couldn't write 'x.lock'",
            "cannot write to the Git repository: update_ref failed: couldn't write 'x.lock'",
        ),
    ],
)
def test_disk_that_takes_nothing_is_told_plainly(complaint: str, message: str) -> None:
    error = git_failure(("update-ref",), 128, complaint.encode())

    assert isinstance(error, StorageError)
    assert error.message == message
    assert error.hint is not None
