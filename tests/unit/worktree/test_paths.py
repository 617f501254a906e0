from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlv.core.paths import RepoPath
from mlv.worktree.paths import is_inside, os_path, repo_path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "src").mkdir(parents=True)
    (root / "out").symlink_to("/")
    (tmp_path / "way-in").symlink_to(root)
    return root


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("src", "src"),
        ("src/../data.csv", "data.csv"),
        ("./src//x", "src/x"),
        (".", "."),
        ("missing/deep", "missing/deep"),
        ("out/etc", "out/etc"),
        ("..data", "..data"),
        (os.fsdecode(b"latin-\xe9"), r"latin-\xe9"),
        ("new\nline", r"new\nline"),
    ],
)
def test_path_inside_is_relative_to_the_root(root: Path, path: str, expected: str) -> None:
    assert repo_path(root, root / path) == expected
    assert is_inside(repo_path(root, root / path))


def test_relative_path_is_taken_from_the_current_directory(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root / "src")
    assert repo_path(root, Path("data.csv")) == "src/data.csv"


def test_link_above_the_root_is_followed(root: Path) -> None:
    assert repo_path(root, root.parent / "way-in" / "src") == "src"
    assert repo_path(root.parent / "way-in", root / "src" / "x") == "src/x"


def test_path_outside_is_absolute(root: Path) -> None:
    outside = repo_path(root, root.parent / "data.csv")
    assert outside == str(root.parent / "data.csv")
    assert not is_inside(outside)


def test_path_beside_the_root_with_the_same_beginning_is_outside(root: Path) -> None:
    assert repo_path(root, Path(f"{root}-2") / "x") == f"{root}-2/x"


@pytest.mark.parametrize(
    ("path", "expected"),
    [("src/x", "src/x"), (".", "."), (r"latin-\xe9", os.fsdecode(b"latin-\xe9"))],
)
def test_escaped_path_leads_to_the_file(root: Path, path: str, expected: str) -> None:
    assert os_path(root, RepoPath(path)) == root / expected


def test_absolute_path_leads_out_of_the_root(root: Path) -> None:
    assert os_path(root, RepoPath("/data/x")) == Path("/data/x")
