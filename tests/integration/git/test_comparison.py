from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mlv.core.paths import RepoPath
from mlv.errors import GitError
from mlv.git.comparison import ChangedFile

if TYPE_CHECKING:
    from tests.integration.git.conftest import Workspace


def _change(
    path: str,
    status: str,
    *,
    old_path: str | None = None,
    added: int | None = 0,
    removed: int | None = 0,
) -> ChangedFile:
    return ChangedFile(
        path=RepoPath(path),
        old_path=None if old_path is None else RepoPath(old_path),
        status=status,
        added=added,
        removed=removed,
    )


def test_diff_lists_every_kind_of_change(workspace: Workspace) -> None:
    workspace.write("binary", b"\0one")
    workspace.write("becomes-link", "text\n")
    first = workspace.commit()
    workspace.git("mv", "src/model.py", "src/network.py")
    workspace.write("binary", b"\0two")
    workspace.write(b":odd\nname\xff", "one\ntwo\n")
    workspace.write("params.yaml", "lr: 0.2\nseed: 1\n")
    (workspace.root / "train.py").unlink()
    (workspace.root / "becomes-link").unlink()
    (workspace.root / "becomes-link").symlink_to("binary")
    second = workspace.commit()

    changes = workspace.open().diff(first, second)

    assert changes == [
        _change(":odd\\nname\\xff", "A", added=2),
        _change("becomes-link", "T", added=1, removed=1),
        _change("binary", "M", added=None, removed=None),
        _change("params.yaml", "M", added=2, removed=1),
        _change("src/network.py", "R", old_path="src/model.py"),
        _change("train.py", "D", removed=1),
    ]


def test_diff_of_equal_trees_is_empty(workspace: Workspace) -> None:
    assert workspace.open().diff("HEAD", "HEAD^{tree}") == []


def test_diff_takes_no_options(workspace: Workspace) -> None:
    output = workspace.root / "written"

    with pytest.raises(GitError):
        workspace.open().diff(f"--output={output}", "HEAD")

    assert not output.exists()


def test_patch_is_text_of_both_sides(workspace: Workspace) -> None:
    workspace.write("params.yaml", "lr: 0.2\n")
    workspace.git("config", "diff.external", "false")
    workspace.commit()

    lines = workspace.open().patch("HEAD~1", "HEAD").splitlines()

    assert lines[0] == "diff --git a/params.yaml b/params.yaml"
    assert lines[-2:] == ["-lr: 0.1", "+lr: 0.2"]


def test_patch_may_be_coloured(workspace: Workspace) -> None:
    workspace.write("params.yaml", "lr: 0.2\n")
    workspace.commit()

    assert "\x1b[32m+" in workspace.open().patch("HEAD~1", "HEAD", color=True)


def test_patch_replaces_bytes_that_are_not_utf_8(workspace: Workspace) -> None:
    workspace.write("params.yaml", b"lr: \xff\n")
    workspace.commit()

    assert workspace.open().patch("HEAD~1", "HEAD").endswith("+lr: \ufffd\n")
