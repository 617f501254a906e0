"""Find the repositories inside a repository, and bring them to another place."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mlv.core.paths import RepoPath, escape_name
from mlv.errors import GitError
from mlv.git.command import GitCommand
from mlv.git.discovery import find_git
from mlv.git.objects import require_object_id
from mlv.git.redact import redact_url
from mlv.git.repository import GitRepository
from mlv.git.settings import read_settings_file
from mlv.git.worktree_state import Gitlink, read_worktree_state

if TYPE_CHECKING:
    from mlv.git.discovery import GitLocation

_SHA256_LENGTH = 64
_PATTERN = r"^submodule\..*\.(path|url)$"


class FoundSubmodule(msgspec.Struct, frozen=True, kw_only=True):
    """A submodule, as it is now.

    Attributes:
        path: Where it is, from the top of the outermost worktree.
        commit: What is checked out; empty when nothing is.
        url: Where it comes from, without credentials.
        is_dirty: Whether it holds changes that no commit has.
        is_pushed: Whether a remote-tracking ref has the commit.
        problem: Why Git cannot read it, empty when it can.
    """

    path: RepoPath
    commit: str = ""
    url: str | None = None
    is_dirty: bool = False
    is_pushed: bool = True
    problem: str = ""


def list_submodules(root: Path, gitlinks: Iterable[Gitlink]) -> Iterator[FoundSubmodule]:
    """Yield submodules and those inside of them.

    Args:
        root: Top directory of the worktree.
        gitlinks: Submodules of its index.
    """
    absent = []
    for gitlink in gitlinks:
        location = _find(root, gitlink.path)
        if location is None:
            absent.append(gitlink)
        else:
            yield from _look_into(GitRepository(location), escape_name(gitlink.path))
    if absent:
        urls = _read_urls(root)
        for gitlink in absent:
            url = urls.get(os.fsdecode(gitlink.path))
            yield FoundSubmodule(path=RepoPath(escape_name(gitlink.path)), url=url)


def list_object_directories(location: GitLocation, paths: Iterable[Path]) -> tuple[Path, ...]:
    """Return where the objects of submodules may be.

    That is in the Git directory of the repository, and with those that have one of their own.

    Args:
        location: The repository.
        paths: Where submodules may be checked out.
    """
    common = location.common_dir
    found = [*_walk(common / "modules")]
    for own in sorted((common / "worktrees").glob("*/modules")):
        found += _walk(own)
    for path in paths:
        inner = find_git(path) if path.is_dir() else None
        if inner is not None and inner.root == path:
            found.append(inner.common_dir / "objects")
    return tuple(dict.fromkeys(found))


def find_lost(
    command: GitCommand, commits: Sequence[str], directories: Sequence[Path]
) -> frozenset[str]:
    """Return those of `commits` that no directory of objects has."""
    queries = "".join(f"{require_object_id(commit)}\n" for commit in commits)
    answer = command.ask(
        *("cat-file", "--batch-check=%(objecttype)"),
        stdin=queries.encode(),
        environment={"GIT_ALTERNATE_OBJECT_DIRECTORIES": _join(directories)},
    )
    kinds = answer.stdout.splitlines()
    return frozenset(
        commit for commit, kind in zip(commits, kinds, strict=True) if kind != b"commit"
    )


def check_out_apart(place: Path, commit: str, directories: Sequence[Path]) -> None:
    """Check a commit out as a repository of its own, which borrows objects from others.

    Args:
        place: An empty directory, or none yet.
        commit: What to check out.
        directories: Where the objects are.

    Raises:
        GitError: Git refuses, or a filter fails.
        StorageError: It cannot be written.
    """
    place.mkdir(parents=True, exist_ok=True)
    command = GitCommand(place)
    algorithm = "sha256" if len(require_object_id(commit)) == _SHA256_LENGTH else "sha1"
    command.ask("init", "--quiet", "--template=", f"--object-format={algorithm}")
    alternates = place / ".git" / "objects" / "info" / "alternates"
    alternates.parent.mkdir(parents=True, exist_ok=True)
    alternates.write_bytes(b"".join(os.fsencode(each) + b"\n" for each in directories))
    command.ask("checkout", "--quiet", "--detach", commit, "--")


def _walk(modules: Path) -> Iterator[Path]:
    for directory, subdirectories, names in os.walk(modules):
        if "HEAD" in names and "objects" in subdirectories:
            yield Path(directory) / "objects"
            subdirectories[:] = [name for name in subdirectories if name == "modules"]


def _find(root: Path, path: bytes) -> GitLocation | None:
    """Return the repository that is checked out at a path, None when there is none."""
    place = root / os.fsdecode(path)
    location = find_git(place) if place.is_dir() else None
    return location if location is not None and location.root == place else None


def _look_into(repository: GitRepository, path: str) -> Iterator[FoundSubmodule]:
    try:
        state = read_worktree_state(repository)
        commit = state.head.commit or ""
        is_pushed = not commit or state.head.is_on_remote or _is_pushed(repository, commit)
    except GitError as error:
        yield FoundSubmodule(path=RepoPath(path), is_dirty=True, problem=error.message)
        return
    yield FoundSubmodule(
        path=RepoPath(path),
        commit=commit,
        url=state.remotes.get("origin") or next(iter(state.remotes.values()), None),
        is_dirty=bool(state.changes),
        is_pushed=is_pushed,
    )
    for inner in list_submodules(repository.location.root, state.gitlinks):
        yield msgspec.structs.replace(inner, path=RepoPath(f"{path}/{inner.path}"))


def _is_pushed(repository: GitRepository, commit: str) -> bool:
    answer = repository.command.ask("rev-list", "-1", commit, "--not", "--remotes")
    return answer.stdout == b""


def _read_urls(root: Path) -> dict[str, str]:
    """Return what `.gitmodules` says of where submodules come from, by path."""
    settings = read_settings_file(GitCommand(root), root / ".gitmodules", _PATTERN)
    urls = {key.removesuffix(".url"): value for key, value in settings if key.endswith(".url")}
    return {
        value: redact_url(urls[name])
        for key, value in settings
        if key.endswith(".path") and (name := key.removesuffix(".path")) in urls
    }


def _join(directories: Sequence[Path]) -> str:
    # Git reads names in double quotes as C does, so that any character may be in them.
    quoted = (str(each).replace("\\", "\\\\").replace('"', '\\"') for each in directories)
    return os.pathsep.join(f'"{each}"' for each in quoted)
