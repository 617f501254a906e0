from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mlv.git.discovery import GitLocation, find_git, store_directory

if TYPE_CHECKING:
    from pathlib import Path


def _make_git_dir(path: Path, config: str = "[core]\n\tbare = false\n") -> Path:
    path.mkdir(parents=True)
    (path / "HEAD").write_text("ref: refs/heads/main\n")
    (path / "config").write_text(config)
    return path


def _make_linked(root: Path, common_dir: Path) -> Path:
    git_dir = _make_git_dir(common_dir / "worktrees" / root.name, "")
    (git_dir / "commondir").write_text("../..\n")
    root.mkdir(parents=True)
    (root / ".git").write_text(f"gitdir: {git_dir}\n")
    return git_dir


@pytest.fixture
def top(tmp_path: Path) -> Path:
    return tmp_path.resolve()


@pytest.mark.parametrize("start", [".", "src", "src/deep", "not/there"])
def test_find_git_walks_up_to_the_worktree(top: Path, start: str) -> None:
    git_dir = _make_git_dir(top / "project" / ".git")
    (top / "project" / "src" / "deep").mkdir(parents=True)

    location = find_git(top / "project" / start)

    assert location == GitLocation(root=top / "project", git_dir=git_dir, common_dir=git_dir)


def test_find_git_resolves_links(top: Path) -> None:
    _make_git_dir(top / "project" / ".git")
    (top / "link").symlink_to(top / "project")

    location = find_git(top / "link")

    assert location is not None
    assert location.root == top / "project"


def test_find_git_is_none_outside(top: Path) -> None:
    (top / "empty" / ".git").mkdir(parents=True)

    assert find_git(top / "empty") is None


def test_find_git_passes_by_a_file_that_names_no_git_dir(top: Path) -> None:
    _make_git_dir(top / ".git")
    (top / "inner").mkdir()
    (top / "inner" / ".git").write_text("something else\n")

    location = find_git(top / "inner")

    assert location is not None
    assert location.root == top


@pytest.mark.parametrize("config", ["[core]\n\tbare = true\n", ""])
@pytest.mark.parametrize("start", [".mlv", ".mlv/objects", ".mlv/.git"])
def test_find_git_passes_by_the_marker_of_the_store(top: Path, config: str, start: str) -> None:
    _make_git_dir(top / ".git")
    _make_git_dir(top / ".mlv" / ".git", config)

    location = find_git(top / start)

    assert location is not None
    assert location.root == top


@pytest.mark.parametrize(
    "config",
    [
        "[core]\nbare=true\n",
        "[Core]\n\tBare\n",
        "[core] bare = on\n",
        "[a]\n[core]\n# x\n bare = 1\n",
    ],
)
def test_find_git_passes_by_a_bare_repository(top: Path, config: str) -> None:
    _make_git_dir(top / "project" / ".git", config)

    assert find_git(top / "project") is None


@pytest.mark.parametrize(
    "config", ["[other]\nbare=true\n", '[core "x"]\nbare\n', "[core]\n#bare\n"]
)
def test_find_git_is_not_misled_about_bareness(top: Path, config: str) -> None:
    _make_git_dir(top / "project" / ".git", config)

    assert find_git(top / "project") is not None


def test_find_git_follows_a_linked_worktree(top: Path) -> None:
    common_dir = _make_git_dir(top / "project" / ".git")
    git_dir = _make_linked(top / "side", common_dir)

    location = find_git(top / "side")

    assert location == GitLocation(root=top / "side", git_dir=git_dir, common_dir=common_dir)


def test_find_git_finds_a_linked_worktree_inside_the_store(top: Path) -> None:
    common_dir = _make_git_dir(top / "project" / ".git")
    root = top / "project" / ".mlv" / "cache" / "copy"
    _make_linked(root, common_dir)

    location = find_git(root)

    assert location is not None
    assert location.root == root


def test_store_is_beside_the_git_dir(top: Path) -> None:
    _make_git_dir(top / "project" / ".git")

    location = find_git(top / "project")

    assert location is not None
    assert store_directory(location) == top / "project" / ".mlv"


def test_store_of_a_linked_worktree_is_the_main_ones(top: Path) -> None:
    _make_linked(top / "side", _make_git_dir(top / "project" / ".git"))

    location = find_git(top / "side")

    assert location is not None
    assert store_directory(location) == top / "project" / ".mlv"


def test_store_of_a_bare_main_repository_is_beside_it(top: Path) -> None:
    _make_linked(top / "side", _make_git_dir(top / "srv" / "x.git", "[core]\n\tbare = true\n"))

    location = find_git(top / "side")

    assert location is not None
    assert store_directory(location) == top / "srv" / ".mlv"


def test_store_of_a_submodule_is_its_own(top: Path) -> None:
    config = "[core]\n\tworktree = ../../../sub\n"
    modules = _make_git_dir(top / "project" / ".git" / "modules" / "sub", config)
    (top / "project" / "sub").mkdir()
    (top / "project" / "sub" / ".git").write_text("gitdir: ../.git/modules/sub\n")

    location = find_git(top / "project" / "sub")

    assert location == GitLocation(
        root=top / "project" / "sub",
        git_dir=modules,
        common_dir=modules,
    )
    assert store_directory(location) == top / "project" / "sub" / ".mlv"


def test_store_of_a_submodules_linked_worktree_is_the_submodules(top: Path) -> None:
    config = '[core]\n\tworktree = "../../../sub"\n'
    modules = _make_git_dir(top / "project" / ".git" / "modules" / "sub", config)
    _make_linked(top / "side", modules)

    location = find_git(top / "side")

    assert location is not None
    assert store_directory(location) == top / "project" / "sub" / ".mlv"
