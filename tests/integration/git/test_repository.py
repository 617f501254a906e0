from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from mlv.errors import GitError
from mlv.git.head import Head

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.git.conftest import Workspace


def test_head_is_commit_tree_and_branch(workspace: Workspace) -> None:
    workspace.git("switch", "--quiet", "-c", "topic/ünï")

    assert workspace.open().head() == Head(
        commit=workspace.git("rev-parse", "HEAD"),
        tree=workspace.git("rev-parse", "HEAD^{tree}"),
        branch="topic/ünï",
        time_s=int(workspace.git("log", "-1", "--format=%ct")),
    )


def test_head_without_commit_has_a_branch_only(empty_workspace: Workspace) -> None:
    assert empty_workspace.open().head() == Head(commit=None, tree=None, branch="main")


def test_head_detached_has_no_branch(workspace: Workspace) -> None:
    workspace.git("checkout", "--quiet", "--detach")

    assert workspace.open().head().branch is None


def test_head_that_is_damaged_is_not_taken_for_none(workspace: Workspace) -> None:
    commit = workspace.git("rev-parse", "HEAD")
    (workspace.root / ".git" / "objects" / commit[:2] / commit[2:]).unlink()

    with pytest.raises(GitError, match=r"the commit \w{12} that is checked out is damaged"):
        workspace.open().head()


def test_head_in_a_linked_worktree_is_its_own(workspace: Workspace, tmp_path: Path) -> None:
    workspace.git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))

    linked = type(workspace)(tmp_path / "side").open()

    assert linked.head().branch == "side"


def test_remotes_are_listed_without_credentials(workspace: Workspace) -> None:
    workspace.git("remote", "add", "origin", "https://user:token@example.com/x.git")
    workspace.git("remote", "add", "a.b", "git@example.com:x.git")
    workspace.git("remote", "set-url", "--add", "a.b", "git@example.com:second.git")

    assert workspace.open().remotes() == {
        "origin": "https://example.com/x.git",
        "a.b": "git@example.com:x.git",
    }


def test_remotes_may_be_none(workspace: Workspace) -> None:
    assert workspace.open().remotes() == {}


def test_identity_is_the_configured_one(workspace: Workspace) -> None:
    workspace.git("config", "user.name", "Grace")
    workspace.git("config", "user.email", "grace@example.com")

    assert workspace.open().identity() == "Grace <grace@example.com>"


def test_identity_is_none_when_incomplete(workspace: Workspace) -> None:
    workspace.git("config", "user.name", "Grace")

    assert workspace.open().identity() is None


@pytest.mark.parametrize("operation", ["merge", "rebase", "cherry-pick"])
def test_operation_in_progress_is_named(workspace: Workspace, operation: str) -> None:
    workspace.git("switch", "--quiet", "-c", "side")
    workspace.write("params.yaml", "lr: 0.2\n")
    workspace.commit()
    workspace.git("switch", "--quiet", "main")
    workspace.write("params.yaml", "lr: 0.3\n")
    workspace.commit()
    assert workspace.open().operation_in_progress() is None

    with pytest.raises(Exception, match="returned non-zero"):
        workspace.git(operation, "side")

    assert workspace.open().operation_in_progress() == operation


def test_operation_in_progress_may_be_a_revert(workspace: Workspace) -> None:
    workspace.write("params.yaml", "lr: 0.2\n")
    workspace.commit()
    workspace.git("revert", "--no-commit", "HEAD")

    assert workspace.open().operation_in_progress() == "revert"


def test_operation_in_progress_may_be_a_bisect(workspace: Workspace) -> None:
    workspace.git("bisect", "start")

    assert workspace.open().operation_in_progress() == "bisect"


def test_resolve_commit_follows_names(workspace: Workspace) -> None:
    commit = workspace.git("rev-parse", "HEAD")
    workspace.git("tag", "-a", "-m", "message", "v1")

    repository = workspace.open()

    assert [repository.resolve_commit(text) for text in ("main", "v1", commit[:8])] == [commit] * 3


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing",
        "--all",
        "-h",
        "--git-dir",
        "HEAD^{tree}",
        "HEAD:train.py",
        "^HEAD",
        "HEAD..HEAD",
        "a\0b",
        "a\nb",
        "0" * 40,
    ],
)
def test_resolve_commit_is_none_for_what_is_no_commit(workspace: Workspace, text: str) -> None:
    assert workspace.open().resolve_commit(text) is None


def test_has_commit_knows_full_ids_only(workspace: Workspace) -> None:
    repository = workspace.open()
    commit = workspace.git("rev-parse", "HEAD")
    tree = workspace.git("rev-parse", "HEAD^{tree}")

    answers = [repository.has_commit(text) for text in (commit, tree, "0" * 40, "HEAD")]

    assert answers == [True, False, False, False]


def test_refs_are_listed_below_a_prefix_and_deleted(workspace: Workspace) -> None:
    repository = workspace.open()
    commit = workspace.git("rev-parse", "HEAD")
    for name in ("runs/one", "runs/two", "other"):
        repository.set_ref(f"refs/mlv/{name}", commit)
    workspace.git("pack-refs", "--all")

    repository.delete_ref("refs/mlv/runs/one")
    repository.delete_ref("refs/mlv/runs/not-there")

    assert repository.refs("refs/mlv/runs") == {"refs/mlv/runs/two": commit}


@pytest.mark.parametrize("ref", ["refs/heads/main", "HEAD", "refs/mlv/../heads/main", "refs/mlv/"])
def test_delete_ref_refuses_refs_of_others(workspace: Workspace, ref: str) -> None:
    commit = workspace.git("rev-parse", "main")

    with pytest.raises(GitError):
        workspace.open().delete_ref(ref)

    assert workspace.git("rev-parse", "main") == commit


def test_worktree_holds_the_commit_and_runs_no_hook(workspace: Workspace, tmp_path: Path) -> None:
    commit = workspace.git("rev-parse", "HEAD")
    hook = workspace.root / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch '{tmp_path}/hook-ran'\n")
    hook.chmod(0o755)
    path = tmp_path / "-copy"

    workspace.open().add_worktree(path, commit)

    copy = type(workspace)(path)
    assert copy.git("status", "--porcelain") == ""
    assert copy.open().head().commit == commit
    assert copy.open().head().branch is None
    assert not (tmp_path / "hook-ran").exists()


def test_worktree_is_removed_with_what_is_in_it(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "copy"
    repository = workspace.open()
    repository.add_worktree(path, workspace.git("rev-parse", "HEAD"))
    (path / "train.py").write_text("changed")
    (path / "new").write_text("new")

    repository.remove_worktree(path)

    assert not path.exists()
    assert workspace.git("worktree", "list", "--porcelain").count("worktree ") == 1


def test_worktree_that_is_gone_can_be_removed(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "copy"
    repository = workspace.open()
    repository.add_worktree(path, workspace.git("rev-parse", "HEAD"))
    path.rename(tmp_path / "moved")

    repository.remove_worktree(path)
    repository.remove_worktree(path)

    assert workspace.git("worktree", "list", "--porcelain").count("worktree ") == 1


def test_directory_that_is_no_worktree_is_not_removed(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()

    with pytest.raises(GitError, match="is not a working tree"):
        workspace.open().remove_worktree(tmp_path / "precious")

    assert os.listdir(tmp_path / "precious") == []  # noqa: PTH208
