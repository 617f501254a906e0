"""Fixtures that tests of several layers share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.repository import Repository


@pytest.fixture
def own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Give Git and mlv an identity and a home directory, and nothing of the machine's settings."""
    for name in [name for name in os.environ if name.startswith(("GIT_", "MLV_"))]:
        monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "ada@example.com")


@pytest.fixture
def empty_repository(own_environment: None, tmp_path: Path) -> Repository:
    """Return a Git repository without a commit and without a store."""
    root = tmp_path / "project"
    root.mkdir()
    repository = Repository(root)
    repository.git("init", "--quiet", "--initial-branch=main")
    return repository


@pytest.fixture
def bare_repository(empty_repository: Repository) -> Repository:
    """Return a Git repository with one commit, without a store."""
    empty_repository.write("params.yaml", "lr: 0.1\n")
    empty_repository.write(".gitattributes", "*.mlv merge=mlv\n")  # as after the first `mlv init`
    empty_repository.commit("first")
    return empty_repository


@pytest.fixture
def repo(bare_repository: Repository) -> Repository:
    """Return a Git repository with one commit and an empty store."""
    bare_repository.initialize()
    return bare_repository
