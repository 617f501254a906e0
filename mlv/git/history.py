"""Find files by the end of their name: in all of history, in the index, in worktrees."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mlv.core.paths import RepoPath, escape_name

if TYPE_CHECKING:
    from mlv.git.command import GitCommand
    from mlv.git.discovery import GitLocation

_RAW = ("--raw", "--no-abbrev", "--no-renames")
_REGULAR = b"100"
_ORIGINAL = {"GIT_NO_REPLACE_OBJECTS": "1"}
"""What a replacement hides may come to light again."""


class FoundBlob(msgspec.Struct, frozen=True, kw_only=True):
    """The content of a file, as one commit or index has it.

    Attributes:
        blob_id: Git's name of the content.
        path: Where it is.
        commit: A commit that has it; None for the index.
    """

    blob_id: str
    path: RepoPath
    commit: str | None = None


class Checkout(msgspec.Struct, frozen=True, kw_only=True):
    """A worktree of a repository.

    Attributes:
        root: Its top directory, which may be gone.
        index: Its index file, which may not be there yet.
    """

    root: Path
    index: Path


def find_in_history(command: GitCommand, suffix: str) -> Iterator[FoundBlob]:
    """Yield every content of every such file, in each commit of any ref or reflog."""
    output = command.run(
        "log",
        "--all",
        "--reflog",
        "--full-history",
        "-m",
        "--root",
        *_RAW,
        "-z",
        "--format=%H",
        *_pathspec(suffix),
        environment=_ORIGINAL,
    )
    yield from _parse_raw(output.stdout, suffix)


def find_in_tips(command: GitCommand, suffix: str) -> Iterator[FoundBlob]:
    """Yield the content of every such file in the commits that refs name now, and in stashes."""
    refs = command.run("for-each-ref", "--format=%(objectname)", environment=_ORIGINAL).stdout
    names = [*refs.split(), *_list_stashes(command), *_list_heads(command)]
    yield from _find_in_trees(command, suffix, names)


def find_in_heads(command: GitCommand, suffix: str) -> Iterator[FoundBlob]:
    """Yield the content of every such file in the commits that worktrees have checked out."""
    yield from _find_in_trees(command, suffix, _list_heads(command))


def find_in_index(command: GitCommand, suffix: str, index: Path) -> Iterator[FoundBlob]:
    """Yield the content of every such file in an index, all sides of a conflict included."""
    output = command.run(
        "ls-files", "-s", "-z", *_pathspec(suffix), environment={"GIT_INDEX_FILE": str(index)}
    )
    for record in output.stdout.split(b"\0")[:-1]:
        facts, _, path = record.partition(b"\t")
        mode, blob_id, _ = facts.split()
        if mode.startswith(_REGULAR) and _has_suffix(path, suffix):
            yield FoundBlob(blob_id=blob_id.decode(), path=RepoPath(escape_name(path)))


def find_in_worktree(command: GitCommand, suffix: str) -> Iterator[RepoPath]:
    """Yield the paths of such files on disk, tracked, untracked or ignored."""
    output = command.run("ls-files", "-c", "-o", "-z", *_pathspec(suffix))
    for raw in dict.fromkeys(output.stdout.split(b"\0")[:-1]):
        if _has_suffix(raw, suffix):
            yield RepoPath(escape_name(raw))


def read_commit_times(command: GitCommand, commits: Iterable[str]) -> dict[str, int]:
    """Return when each commit was made, in seconds since 1970."""
    names = "".join(f"{commit}\n" for commit in commits)
    if not names:
        return {}
    output = command.run("rev-list", "--no-walk", "--timestamp", "--stdin", stdin=names.encode())
    rows = (line.split() for line in output.stdout.decode().splitlines())
    return {commit: int(time_s) for time_s, commit in rows}


def list_checkouts(location: GitLocation) -> list[Checkout]:
    """Return all worktrees of a repository, those included whose directory is gone.

    Raises:
        OSError: They cannot be listed.
    """
    checkouts = [Checkout(root=location.root, index=location.git_dir / "index")]
    common = location.common_dir
    if common.name == ".git":
        checkouts.append(Checkout(root=common.parent, index=common / "index"))
    linked = common / "worktrees"
    for entry in sorted(linked.iterdir()) if linked.is_dir() else ():
        pointer = os.fsdecode((entry / "gitdir").read_bytes().rstrip(b"\n"))
        checkouts.append(Checkout(root=(entry / pointer).parent, index=entry / "index"))
    return list({each.index.resolve(): each for each in checkouts}.values())


def _list_heads(command: GitCommand) -> list[bytes]:
    checkouts = command.run("worktree", "list", "--porcelain").stdout.splitlines()
    return [line.removeprefix(b"HEAD ") for line in checkouts if line.startswith(b"HEAD ")]


def _list_stashes(command: GitCommand) -> list[bytes]:
    """Return all stashes, each with what it has of the index and of untracked files.

    The ref names only the newest one; the others are in its reflog, where Git looks, too.
    """
    entries = command.run("reflog", "--all", "--format=%gD %H").stdout.splitlines()
    stashes = [line.split()[-1] for line in entries if line.startswith(b"refs/stash@{")]
    return [name for stash in stashes for name in (stash, stash + b"^2", stash + b"^3")]


def _find_in_trees(command: GitCommand, suffix: str, names: list[bytes]) -> Iterator[FoundBlob]:
    trees = _resolve_trees(command, names)
    if not trees:
        return
    empty = command.run("hash-object", "-t", "tree", "--stdin").stdout.strip()
    pairs = b"".join(b"%s %s\n" % (empty, tree) for tree in trees)
    arguments = ("--stdin", "-r", "-z", *_RAW, *_pathspec(suffix))
    output = command.run("diff-tree", *arguments, stdin=pairs)
    for found in _parse_raw(output.stdout, suffix):
        commit = trees.get((found.commit or "").encode())
        yield msgspec.structs.replace(found, commit=commit and commit.decode())


def _pathspec(suffix: str) -> tuple[str, str]:
    return "--", f":(top,glob)**/*{suffix}"


def _has_suffix(raw: bytes, suffix: str) -> bool:
    # To Git, a directory of such a name stands for all that is in it.
    name = raw.rpartition(b"/")[2]
    return name.endswith(suffix.encode()) and len(name) > len(suffix)


def _resolve_trees(command: GitCommand, names: list[bytes]) -> dict[bytes, bytes]:
    """Return the trees of commits and tags, each with one of those that have it."""
    queries = b"".join(name + b"^{tree}\n" for name in names)
    template = "--batch-check=%(objecttype) %(objectname)"
    output = command.run("cat-file", template, stdin=queries, environment=_ORIGINAL)
    found = zip(names, (line.split(b" ") for line in output.stdout.splitlines()), strict=True)
    return {row[1]: name for name, row in found if row[0] == b"tree"}


def _parse_raw(output: bytes, suffix: str) -> Iterator[FoundBlob]:
    """Yield what `git log` or `git diff-tree --stdin` lists, with `--raw -z`.

    A header names the commit, or the two trees that are compared. After it, `git log`
    writes NUL and a line end, but `git diff-tree` only a line end.
    """
    commit: str | None = None
    tokens = iter(output.split(b"\0")[:-1])
    for token in tokens:
        header, _, facts = token.rpartition(b"\n")
        if not facts.startswith(b":"):
            header, facts = facts, b""
        if header:
            commit = header.split(b" ")[-1].decode()
        if not facts:
            continue
        raw = next(tokens)
        old_mode, new_mode, old, new, _ = facts[1:].split(b" ")
        for mode, blob_id in ((new_mode, new), (old_mode, old)):
            if mode.startswith(_REGULAR) and _has_suffix(raw, suffix):
                path = RepoPath(escape_name(raw))
                yield FoundBlob(blob_id=blob_id.decode(), path=path, commit=commit)
