"""A Git worktree to test with, cut off from the settings of whoever runs the tests."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from mlv.git.discovery import find_git
from mlv.git.repository import GitRepository

if TYPE_CHECKING:
    from pathlib import Path


class Workspace:
    """A worktree that is changed through Git and the file system, not through mlv."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def git(self, *arguments: str) -> str:
        """Run Git in the worktree and return what it prints."""
        finished = subprocess.run(
            ["git", *arguments],
            cwd=self.root,
            check=True,
            capture_output=True,
        )
        return os.fsdecode(finished.stdout).rstrip("\n")

    def write(self, name: str | bytes, content: str | bytes = "content\n") -> None:
        """Write a file, with the directories that it needs."""
        path = os.path.join(os.fsencode(self.root), os.fsencode(name))  # noqa: PTH118
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
        with open(path, "wb") as file:  # noqa: PTH123
            file.write(content.encode() if isinstance(content, str) else content)

    def commit(self, message: str = "change") -> str:
        """Commit everything and return the commit's id."""
        self.git("add", "-A")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def open(self) -> GitRepository:
        """Return the repository as mlv sees it."""
        location = find_git(self.root)
        assert location is not None
        return GitRepository(location)


@pytest.fixture(autouse=True)
def git_environment(own_environment: None) -> None:
    """Give Git an identity, and none of the settings of the machine."""


@pytest.fixture
def empty_workspace(tmp_path: Path) -> Workspace:
    """Return a repository without a commit."""
    root = tmp_path / "project"
    root.mkdir()
    workspace = Workspace(root)
    workspace.git("init", "--quiet", "--initial-branch=main")
    return workspace


@pytest.fixture
def workspace(empty_workspace: Workspace) -> Workspace:
    """Return a repository with one commit of three files."""
    empty_workspace.write("train.py", "print('train')\n")
    empty_workspace.write("params.yaml", "lr: 0.1\n")
    empty_workspace.write("src/model.py", "depth = 3\nwidth = 8\n")
    empty_workspace.commit("first")
    return empty_workspace
