"""Secrets in files that Git tracks: what is new stays out of the snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mlv.core.paths import RepoPath
from mlv.git.selection import LeftOut, SnapshotRules
from mlv.git.snapshot import Snapshot, take_snapshot

if TYPE_CHECKING:
    from tests.integration.git.conftest import Workspace

_TOKEN = "ghp" + "_" + "Q1w2" * 9
_OTHER_KIND = "npm" + "_" + "p0O9" * 9


def _take(workspace: Workspace, allow: tuple[str, ...] = ()) -> Snapshot:
    return take_snapshot(
        workspace.open(),
        ref="refs/mlv/runs/one",
        message="mlv run",
        when=0,
        rules=SnapshotRules(allow_secrets=allow),
    )


def _secret(path: str, size_bytes: int, detail: str) -> LeftOut:
    return LeftOut(path=RepoPath(path), size_bytes=size_bytes, reason="secret", detail=detail)


def _read(workspace: Workspace, snapshot: Snapshot, path: str) -> str:
    return workspace.git("show", f"{snapshot.commit}:{path}")


def test_secret_in_a_staged_new_file_is_secret(workspace: Workspace) -> None:
    workspace.write("new.yaml", f"k: {_TOKEN}\n")
    workspace.write("id_rsa", "x\n")
    workspace.write("other.txt")
    workspace.git("add", "-A")

    snapshot = _take(workspace)

    assert snapshot.left_out == (
        _secret("id_rsa", 2, "by its name"),
        _secret("new.yaml", 44, "GitHub token"),
    )
    assert [change.path for change in workspace.open().diff("HEAD", snapshot.commit)] == [
        "other.txt",
    ]


@pytest.mark.parametrize("stage", [False, True], ids=["modified", "staged"])
def test_edit_that_brings_a_secret_in_is_withheld(workspace: Workspace, *, stage: bool) -> None:
    before = workspace.git("show", "HEAD:params.yaml")
    workspace.write("params.yaml", f"k: {_TOKEN}\n")
    (workspace.root / "params.yaml").chmod(0o755)
    if stage:
        workspace.git("add", "-A")

    snapshot = _take(workspace)

    assert _read(workspace, snapshot, "params.yaml") == before
    assert snapshot.left_out == (_secret("params.yaml", 44, "GitHub token"),)
    assert snapshot.withheld == {"params.yaml"}
    assert snapshot.dirty
    assert snapshot.commit == snapshot.head.commit


def test_edit_of_a_secret_that_git_has_is_taken(workspace: Workspace) -> None:
    workspace.write("params.yaml", f"k: {_TOKEN}\n")
    workspace.write("moved.yaml", f"a: {_TOKEN}\n")
    workspace.commit()
    edited = f"k: {_TOKEN.replace('1', '7')}\nlr: 1\n"
    workspace.write("params.yaml", edited)
    workspace.git("mv", "moved.yaml", "here.yaml")

    snapshot = _take(workspace)

    assert _read(workspace, snapshot, "params.yaml") == edited.strip()
    assert _read(workspace, snapshot, "here.yaml") == f"a: {_TOKEN}"
    assert snapshot.left_out == ()


def test_secret_of_another_kind_than_git_has_is_withheld(workspace: Workspace) -> None:
    workspace.write("params.yaml", f"k: {_TOKEN}\n")
    workspace.commit()
    workspace.write("params.yaml", f"k: {_TOKEN}\nnpm: {_OTHER_KIND}\n")

    snapshot = _take(workspace)

    assert _read(workspace, snapshot, "params.yaml") == f"k: {_TOKEN}"
    assert [entry.detail for entry in snapshot.left_out] == ["npm token"]


def test_secret_that_a_filter_keeps_from_git_may_be_edited(workspace: Workspace) -> None:
    workspace.git("config", "filter.rot.clean", "tr A-Za-z N-ZA-Mn-za-m")
    workspace.git("config", "filter.rot.smudge", "tr A-Za-z N-ZA-Mn-za-m")
    workspace.write(".gitattributes", "keys.txt filter=rot\n")
    workspace.write("keys.txt", f"k: {_TOKEN}\n")
    workspace.commit()
    workspace.write("keys.txt", f"k: {_TOKEN}\nmore\n")

    assert _take(workspace).left_out == ()


def test_allowed_secrets_in_tracked_files_are_taken(workspace: Workspace) -> None:
    workspace.write("params.yaml", f"k: {_TOKEN}\n")
    workspace.write("new.yaml", f"k: {_TOKEN}\n")
    workspace.git("add", "new.yaml")

    snapshot = _take(workspace, allow=("params.yaml", "new.*"))

    assert _read(workspace, snapshot, "params.yaml") == f"k: {_TOKEN}"
    assert (snapshot.left_out, snapshot.withheld) == ((), frozenset())


def test_secret_in_a_conflict_is_withheld(workspace: Workspace) -> None:
    workspace.git("switch", "--quiet", "-c", "side")
    workspace.write("params.yaml", "lr: 0.2\n")
    workspace.commit()
    workspace.git("switch", "--quiet", "main")
    workspace.write("params.yaml", "lr: 0.3\n")
    workspace.commit()
    with pytest.raises(Exception, match="returned non-zero"):
        workspace.git("merge", "side")
    workspace.write("params.yaml", f"k: {_TOKEN}\n")

    snapshot = _take(workspace)

    assert _read(workspace, snapshot, "params.yaml") == "lr: 0.3"
    assert snapshot.withheld == {"params.yaml"}
