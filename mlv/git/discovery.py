"""Find the Git worktree that a directory belongs to, without running Git.

Only the standard library is used, so a training script can afford it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

STORE_NAME = ".mlv"
"""Name of the store's directory."""

_GIT_NAME = ".git"
_SECTION = re.compile(r"\s*\[\s*([^\]\s\"]+)\s*(?:\"([^\"]*)\")?\s*\]\s*(.*)")
_TRUE = frozenset({"", "true", "yes", "on", "1"})


@dataclass(frozen=True)
class GitLocation:
    """Where a worktree and its repository are.

    Attributes:
        root: Top directory of the worktree, absolute and without symbolic links.
        git_dir: What belongs to this worktree alone: HEAD, index, state of a merge.
        common_dir: What all worktrees share: objects, refs, config. For the main
            worktree it is `git_dir`.
    """

    root: Path
    git_dir: Path
    common_dir: Path


def find_git(start: Path) -> GitLocation | None:
    """Return the worktree that `start` is in, or None.

    A Git directory without a worktree (a bare one) is passed by; so is the marker in
    a store, `.mlv/.git`, which is there to keep `git clean` away.
    """
    directory = start.resolve()
    for root in (directory, *directory.parents):
        git_dir = None if root.name == STORE_NAME else _find_git_dir(root / _GIT_NAME)
        if git_dir is None:
            continue
        common_dir = _find_common_dir(git_dir)
        if git_dir == common_dir and _is_bare(common_dir):
            continue
        return GitLocation(root=root, git_dir=git_dir, common_dir=common_dir)
    return None


def is_in_bare_repository(start: Path) -> bool:
    """Tell whether a directory is in a repository that has no worktree there."""
    directory = start.resolve()
    return any(
        (place / "HEAD").is_file() and (place / "objects").is_dir() and _is_bare(place)
        for place in (directory, *directory.parents)
    )


def store_directory(location: GitLocation) -> Path:
    """Return the directory of the store that all worktrees of a repository share.

    It is beside the main worktree's `.git`. A bare main repository keeps it beside its
    Git directory, a submodule in its own worktree.
    """
    common_dir = location.common_dir
    if common_dir.name == _GIT_NAME:
        return common_dir.parent / STORE_NAME
    if location.git_dir == common_dir:
        return location.root / STORE_NAME
    worktree = _read_core(common_dir).get("worktree")
    if worktree is not None:
        return (common_dir / worktree).resolve() / STORE_NAME
    return common_dir.parent / STORE_NAME


def _find_git_dir(entry: Path) -> Path | None:
    """Return the Git directory that `.git` is, or that a `.git` file names."""
    try:
        if entry.is_file():
            text = _read_text(entry)
            if not text.startswith("gitdir:"):
                return None
            entry = entry.parent / text.removeprefix("gitdir:").strip()
        git_dir = entry.resolve()
        # HEAD may be a symbolic link to a branch that is not born.
        head = git_dir / "HEAD"
        return git_dir if head.is_file() or head.is_symlink() else None
    except OSError:
        return None  # not ours to look into


def _find_common_dir(git_dir: Path) -> Path:
    text = _read_text(git_dir / "commondir").strip()
    return (git_dir / text).resolve() if text else git_dir


def _is_bare(common_dir: Path) -> bool:
    core = _read_core(common_dir)
    return core.get("bare", "false").lower() in _TRUE and "worktree" not in core


def _read_core(common_dir: Path) -> dict[str, str]:
    """Return the `[core]` section of the repository's own configuration.

    Includes are not followed: Git itself decides what is bare before it reads them.
    """
    values: dict[str, str] = {}
    in_core = False
    for line in _read_text(common_dir / "config").splitlines():
        section = _SECTION.match(line)
        if section:
            in_core = section[1].lower() == "core" and section[2] is None
        setting = section[3] if section else line
        name, _, value = setting.partition("=")
        if in_core and name.strip() and name.lstrip()[0] not in "#;":
            values[name.strip().lower()] = value.strip().strip('"')
    return values


def _read_text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "surrogateescape")
    except OSError:
        return ""
