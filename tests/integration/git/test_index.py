from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mlv.core.paths import RepoPath

if TYPE_CHECKING:
    from tests.integration.git.conftest import Workspace


def _paths(*names: str) -> list[RepoPath]:
    return [RepoPath(name) for name in names]


def test_tracked_files_have_the_id_of_what_is_staged(workspace: Workspace) -> None:
    workspace.write("params.yaml", "lr: 0.2\n")
    workspace.git("add", "params.yaml")
    workspace.write("params.yaml", "lr: 0.3\n")

    tracked = workspace.open().tracked(_paths("params.yaml", "src", "untracked", "*.py"))

    assert tracked == {"params.yaml": workspace.git("rev-parse", ":params.yaml")}


def test_tracked_takes_names_literally(workspace: Workspace) -> None:
    names = ["*", ":(top)x", "--", "-z", "new\nline", "ü"]
    for name in names:
        workspace.write(name)
    workspace.write(b"\xff")
    workspace.commit()

    tracked = workspace.open().tracked(
        _paths("*", ":(top)x", "--", "-z", "new\\nline", "ü", "\\xff", "t*"),
    )

    assert set(tracked) == {"*", ":(top)x", "--", "-z", "new\\nline", "ü", "\\xff"}


@pytest.mark.parametrize("count", [199, 200, 5000])
def test_tracked_finds_the_few_among_many(workspace: Workspace, count: int) -> None:
    paths = _paths("train.py", *(f"missing-{number}" for number in range(count)))

    assert list(workspace.open().tracked(paths)) == ["train.py"]


def test_tracked_of_nothing_is_nothing(workspace: Workspace) -> None:
    assert workspace.open().tracked([]) == {}


def test_tracked_in_a_conflict_is_our_side(workspace: Workspace) -> None:
    workspace.git("switch", "--quiet", "-c", "side")
    workspace.write("params.yaml", "lr: 0.2\n")
    workspace.commit()
    workspace.git("switch", "--quiet", "main")
    workspace.write("params.yaml", "lr: 0.3\n")
    workspace.commit()
    ours = workspace.git("rev-parse", "HEAD:params.yaml")
    with pytest.raises(Exception, match="returned non-zero"):
        workspace.git("merge", "side")

    assert workspace.open().tracked(_paths("params.yaml")) == {"params.yaml": ours}


def test_ignored_follows_the_ignore_files(workspace: Workspace) -> None:
    workspace.write(".gitignore", "*.log\n!keep.log\n/build/\n")
    workspace.write("build/deep/file")
    workspace.write(b"odd\n\xff.log")
    paths = _paths("a.log", "keep.log", "build/deep/file", "odd\\n\\xff.log", "train.py", "none")

    assert workspace.open().ignored(paths) == {"a.log", "build/deep/file", "odd\\n\\xff.log"}


def test_ignored_leaves_out_what_is_tracked(workspace: Workspace) -> None:
    workspace.write(".gitignore", "*.py\n")

    assert workspace.open().ignored(_paths("train.py", "other.py")) == {"other.py"}


def test_ignored_behind_a_link_is_what_the_link_is(workspace: Workspace) -> None:
    workspace.write(".gitignore", "/data\n")
    (workspace.root / "data").symlink_to("/")
    (workspace.root / "other").symlink_to("/")

    assert workspace.open().ignored(_paths("data/set/x", "other/x")) == {"data/set/x"}


def test_ignored_passes_by_what_is_outside(workspace: Workspace) -> None:
    assert workspace.open().ignored(_paths("/etc/passwd", "../other", ".")) == set()


def test_ignored_answers_inside_a_submodule(workspace: Workspace) -> None:
    source = type(workspace)(workspace.root.parent / "source")
    source.root.mkdir()
    source.git("init", "--quiet")
    source.write("file")
    source.commit()
    workspace.git("-c", "protocol.file.allow=always", "submodule", "add", str(source.root), "sub")
    workspace.write(".gitignore", "*.log\n")

    assert workspace.open().ignored(_paths("sub/file", "a.log")) == {"a.log"}
