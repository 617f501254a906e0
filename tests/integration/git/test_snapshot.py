from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from mlv.core.paths import RepoPath, unescape_name
from mlv.errors import GitError, StorageError
from mlv.git.repository import Head
from mlv.git.snapshot import Snapshot, take_snapshot
from tests.integration.git.contents import FileFacts, fingerprint, read_files
from tests.integration.git.states import STATES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration.git.conftest import Workspace

_REF = "refs/mlv/runs/one"
_KINDS = {0o100644: "file", 0o100755: "exec", 0o120000: "link"}
_every_state = pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)


def _take(workspace: Workspace, *, exclude: tuple[RepoPath, ...] = ()) -> Snapshot:
    return take_snapshot(
        workspace.open(),
        ref=_REF,
        message="mlv run\n",
        when=1_700_000_000,
        exclude=exclude,
    )


def _read_snapshot(workspace: Workspace, snapshot: Snapshot) -> dict[bytes, FileFacts]:
    repository = workspace.open()
    return {
        unescape_name(path): (_KINDS[file.mode], repository.read_blob(file.blob_id))
        for path, file in repository.tree_files(snapshot.commit).items()
    }


@_every_state
def test_snapshot_holds_the_worktree(
    workspace: Workspace,
    state: Callable[[Workspace], None],
) -> None:
    state(workspace)

    snapshot = _take(workspace)

    assert _read_snapshot(workspace, snapshot) == read_files(workspace.root)
    assert snapshot.left_out == ()


@_every_state
def test_snapshot_changes_nothing_else(
    workspace: Workspace,
    state: Callable[[Workspace], None],
) -> None:
    state(workspace)
    before = fingerprint(workspace.root)

    _take(workspace)

    assert fingerprint(workspace.root) == before


@_every_state
def test_snapshot_survives_garbage_collection(
    workspace: Workspace,
    state: Callable[[Workspace], None],
) -> None:
    state(workspace)
    files = read_files(workspace.root)
    snapshot = _take(workspace)

    workspace.git("gc", "--quiet", "--prune=now")

    assert workspace.git("rev-parse", _REF) == snapshot.commit
    assert _read_snapshot(workspace, snapshot) == files


def test_snapshot_of_a_clean_tree_is_head(workspace: Workspace) -> None:
    head = workspace.git("rev-parse", "HEAD")
    tree = workspace.git("rev-parse", "HEAD^{tree}")

    assert _take(workspace) == Snapshot(
        commit=head,
        tree=tree,
        head=Head(commit=head, tree=tree, branch="main"),
        dirty=False,
        untracked=(),
        left_out=(),
    )
    assert workspace.git("rev-parse", _REF) == head


def test_snapshot_of_staged_changes_taken_back_is_head(workspace: Workspace) -> None:
    workspace.write("params.yaml", "lr: 0.2\n")
    workspace.git("add", "-A")
    workspace.write("params.yaml", "lr: 0.1\n")

    snapshot = _take(workspace)

    assert (snapshot.dirty, snapshot.commit) == (False, snapshot.head.commit)


def test_snapshot_of_touched_files_is_head(workspace: Workspace) -> None:
    os.utime(workspace.root / "train.py", (1, 1))

    assert not _take(workspace).dirty


def test_snapshot_outlives_a_rewritten_branch(workspace: Workspace) -> None:
    workspace.write("params.yaml", "lr: 0.2\n")
    workspace.commit()
    snapshot = _take(workspace)
    workspace.git("reset", "--quiet", "--hard", "HEAD~1")
    workspace.git("reflog", "expire", "--expire=all", "--all")

    workspace.git("gc", "--quiet", "--prune=now")

    assert workspace.open().has_commit(snapshot.commit)


def test_snapshot_commit_has_head_as_parent_and_a_fixed_identity(workspace: Workspace) -> None:
    workspace.write("params.yaml", "lr: 0.2\n")

    snapshot = _take(workspace)

    shown = workspace.git("log", "-1", "--format=%P|%an|%ae|%at|%cn|%ct|%s", snapshot.commit)
    head = workspace.git("rev-parse", "HEAD")
    assert shown == f"{head}|mlv|mlv@localhost|1700000000|mlv|1700000000|mlv run"


def test_snapshot_of_the_same_state_is_the_same_commit(workspace: Workspace) -> None:
    workspace.write("params.yaml", "lr: 0.2\n")
    workspace.write("new.txt")

    assert _take(workspace) == _take(workspace)


def test_snapshot_moves_its_ref(workspace: Workspace) -> None:
    workspace.write("params.yaml", "lr: 0.2\n")
    _take(workspace)
    workspace.write("params.yaml", "lr: 0.3\n")

    second = _take(workspace)

    assert workspace.open().refs("refs/mlv") == {_REF: second.commit}


def test_snapshot_lists_what_only_the_worktree_had(workspace: Workspace) -> None:
    workspace.write("params.yaml", "lr: 0.2\n")
    workspace.write(b"new\n\xff", "odd")
    workspace.write("announced")
    workspace.git("add", "--intent-to-add", "announced")

    assert _take(workspace).untracked == ("announced", "new\\n\\xff")


def test_snapshot_leaves_ignored_files_and_the_store_out(workspace: Workspace) -> None:
    workspace.write(".gitignore", "*.log\n")
    workspace.write("train.log")
    workspace.write(".mlv/format")

    snapshot = _take(workspace)

    assert snapshot.untracked == (".gitignore",)
    assert snapshot.left_out == ()


def test_snapshot_without_a_commit_says_what_to_do(empty_workspace: Workspace) -> None:
    with pytest.raises(GitError, match="has no commit yet") as caught:
        _take(empty_workspace)

    assert caught.value.hint == "make one with `git add -A && git commit -m 'first commit'`"


@pytest.mark.parametrize("ref", ["refs/heads/main", "HEAD", "--stdin", "refs/mlv/a..b"])
def test_snapshot_writes_no_ref_but_its_own(workspace: Workspace, ref: str) -> None:
    workspace.write("params.yaml", "lr: 0.2\n")
    before = fingerprint(workspace.root)

    with pytest.raises(GitError):
        take_snapshot(workspace.open(), ref=ref, message="m", when=0)

    assert fingerprint(workspace.root) == before


def test_snapshot_in_a_linked_worktree_holds_that_one(workspace: Workspace, tmp_path: Path) -> None:
    workspace.git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))
    linked = type(workspace)(tmp_path / "side")
    linked.write("params.yaml", "lr: 0.7\n")
    before = fingerprint(workspace.root)

    snapshot = _take(linked)

    assert snapshot.head.branch == "side"
    assert workspace.git("show", f"{snapshot.commit}:params.yaml") == "lr: 0.7"
    assert fingerprint(workspace.root) == before


def test_snapshot_from_inside_a_hook_leaves_the_index_of_the_hook(
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    workspace.write("new.txt")
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "next-index"))
    monkeypatch.setenv("GIT_DIR", str(workspace.root / ".git"))

    assert _take(workspace).untracked == ("new.txt",)
    assert not (tmp_path / "next-index").exists()


def test_snapshot_holds_a_submodule_at_its_checked_out_commit(
    workspace: Workspace,
    tmp_path: Path,
) -> None:
    source = type(workspace)(tmp_path / "source")
    source.root.mkdir()
    source.git("init", "--quiet")
    source.write("file")
    source.commit()
    workspace.git("-c", "protocol.file.allow=always", "submodule", "add", str(source.root), "sub")
    workspace.commit()
    submodule = type(workspace)(workspace.root / "sub")
    submodule.write("file", "changed\n")
    commit = submodule.commit()
    submodule.write("file", "not committed\n")

    snapshot = _take(workspace)

    assert workspace.git("rev-parse", f"{snapshot.commit}:sub") == commit
    assert list(workspace.open().tree_files(snapshot.commit)) == [
        ".gitmodules",
        "params.yaml",
        "src/model.py",
        "train.py",
    ]


def test_snapshot_in_a_sparse_checkout_keeps_what_is_not_checked_out(workspace: Workspace) -> None:
    workspace.git("sparse-checkout", "set", "--no-cone", "/params.yaml")
    assert not (workspace.root / "train.py").exists()
    workspace.write("params.yaml", "lr: 0.2\n")

    snapshot = _take(workspace)

    assert [change.path for change in workspace.open().diff("HEAD", snapshot.commit)] == [
        "params.yaml",
    ]


def test_snapshot_that_cannot_be_written_says_so(
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    workspace.write("params.yaml", "lr: 0.2\n")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))

    with pytest.raises(StorageError, match="cannot copy the Git index"):
        _take(workspace)


def test_snapshot_converts_line_ends_as_a_commit_would(workspace: Workspace) -> None:
    workspace.git("config", "core.autocrlf", "input")
    workspace.git("config", "core.safecrlf", "true")
    workspace.write("dos.txt", b"one\r\ntwo\r\n")

    snapshot = _take(workspace)

    assert _read_snapshot(workspace, snapshot)[b"dos.txt"] == ("file", b"one\ntwo\n")


def test_snapshot_with_a_failing_filter_is_an_error(workspace: Workspace) -> None:
    workspace.write(".gitattributes", "*.bin filter=broken\n")
    workspace.git("config", "filter.broken.clean", "false")
    workspace.git("config", "filter.broken.required", "true")
    workspace.write("weights.bin")
    before = fingerprint(workspace.root)

    with pytest.raises(GitError, match=r"git update-index failed: .*weights\.bin"):
        _take(workspace)

    assert fingerprint(workspace.root) == before


def test_snapshot_of_a_clean_tree_takes_three_git_processes(
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    _take(workspace)  # importing GitPython runs Git as well, once and for all
    trace = tmp_path / "trace"
    trace.mkdir()
    monkeypatch.setenv("GIT_TRACE2_EVENT", str(trace))

    _take(workspace)

    assert len(list(trace.iterdir())) == 3
