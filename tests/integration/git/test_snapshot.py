from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from mlv.core.paths import RepoPath, unescape_name
from mlv.errors import GitError, StorageError
from mlv.git.selection import SnapshotRules
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
        rules=SnapshotRules(exclude=frozenset(exclude)),
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
        head=workspace.open().head(),
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


def test_snapshot_before_the_first_commit_holds_the_worktree(empty_workspace: Workspace) -> None:
    empty_workspace.write("train.py", "print(1)\n")
    empty_workspace.write("staged.txt", "staged\n")
    empty_workspace.git("add", "staged.txt")
    before = fingerprint(empty_workspace.root)

    snapshot = _take(empty_workspace)

    assert _read_snapshot(empty_workspace, snapshot) == read_files(empty_workspace.root)
    assert (snapshot.head.commit, snapshot.dirty) == (None, True)
    assert empty_workspace.git("log", "-1", "--format=%P", snapshot.commit) == ""
    assert fingerprint(empty_workspace.root) == before


def test_snapshot_of_nothing_at_all_is_a_commit(empty_workspace: Workspace) -> None:
    snapshot = _take(empty_workspace)

    assert (_read_snapshot(empty_workspace, snapshot), snapshot.dirty) == ({}, False)


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


@pytest.mark.parametrize("program", ["false", "no-such-program clean"])
def test_file_whose_filter_fails_is_left_out(workspace: Workspace, program: str) -> None:
    workspace.write(".gitattributes", "*.bin filter=broken\n")
    workspace.write("old.bin")
    workspace.commit()
    workspace.git("config", "filter.broken.clean", program)
    workspace.git("config", "filter.broken.required", "true")
    workspace.write("old.bin", "newer\n")
    workspace.write(b"new\n\xff.bin")
    workspace.write("params.yaml", "lr: 0.2\n")
    before = fingerprint(workspace.root)

    snapshot = _take(workspace)

    assert [(each.path, each.reason, each.detail) for each in snapshot.left_out] == [
        ("new\\n\\xff.bin", "filter", "broken"),
        ("old.bin", "filter", "broken"),
    ]
    assert [change.path for change in workspace.open().diff("HEAD", snapshot.commit)] == [
        "params.yaml"
    ]
    assert fingerprint(workspace.root) == before


def test_snapshot_holds_what_a_filter_makes_of_a_file(workspace: Workspace) -> None:
    workspace.write(".gitattributes", "*.bin filter=upper\n")
    workspace.git("config", "filter.upper.clean", "tr a-z A-Z")
    workspace.git("config", "filter.upper.smudge", "tr A-Z a-z")
    workspace.write("weights.bin", "abc\n")

    snapshot = _take(workspace)

    assert workspace.git("show", f"{snapshot.commit}:weights.bin") == "ABC"


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_snapshot_holds_changes_that_git_was_told_not_to_see(
    workspace: Workspace, flag: str
) -> None:
    workspace.git("update-index", flag, "params.yaml", "train.py")
    workspace.write("params.yaml", "lr: 0.2\n")
    before = fingerprint(workspace.root)

    snapshot = _take(workspace)

    assert snapshot.dirty
    assert _read_snapshot(workspace, snapshot) == read_files(workspace.root)
    assert fingerprint(workspace.root) == before


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_snapshot_of_unwatched_files_that_did_not_change_is_head(
    workspace: Workspace, flag: str
) -> None:
    workspace.git("update-index", flag, "params.yaml", "train.py")

    assert not _take(workspace).dirty


def test_snapshot_misses_what_was_deleted_unseen(workspace: Workspace) -> None:
    workspace.git("update-index", "--assume-unchanged", "params.yaml")
    (workspace.root / "params.yaml").unlink()

    snapshot = _take(workspace)

    assert b"params.yaml" not in _read_snapshot(workspace, snapshot)


def test_snapshot_without_a_time_is_the_same_whenever_it_is_taken(workspace: Workspace) -> None:
    workspace.write("params.yaml", "lr: 0.2\n")

    snapshot = take_snapshot(workspace.open(), ref=_REF, message="m")

    times = workspace.git("log", "-2", "--format=%ct", snapshot.commit).split()
    assert times[0] == times[1]


def test_snapshot_of_a_clean_tree_takes_five_git_processes_and_no_gitpython(
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    trace = tmp_path / "trace"
    trace.mkdir()
    monkeypatch.setenv("GIT_TRACE2_EVENT", str(trace))

    _take(workspace)

    assert len(list(trace.iterdir())) == 5  # four of them at once
