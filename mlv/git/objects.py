"""Read commits, trees and blobs out of a Git repository."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from mlv.core.paths import RepoPath, escape_name, unescape_name
from mlv.errors import GitError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mlv.git.command import GitCommand

SUBMODULE_MODE = 0o160000
"""Mode of a tree entry that is a commit of another repository."""

_BATCH_PATH = re.compile(rb"[^\s][^\n]*")
"""Paths that can be asked for in one line, after a blank."""

_OBJECT_ID = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")


class TreeFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file in a Git tree.

    Attributes:
        mode: 0o100644 for a file, 0o100755 for an executable, 0o120000 for a link.
        blob_id: Git's name of the content; for a link the content is its target.
        size_bytes: Size of the content.
    """

    mode: int
    blob_id: str
    size_bytes: int


def is_object_id(text: str) -> bool:
    """Tell whether `text` is a full Git object id (SHA-1 or SHA-256)."""
    return _OBJECT_ID.match(text) is not None


def require_object_id(text: str) -> str:
    """Return `text`, a full Git object id.

    Raises:
        GitError: It is none.
    """
    if not is_object_id(text):
        message = f"{text!r} is not a Git object id"
        raise GitError(message)
    return text


def read_blobs(command: GitCommand, blob_ids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Yield the content of each blob, in the order asked, all from one process."""
    with command.stream("cat-file", "--batch") as pipes:
        for blob_id in blob_ids:
            query = f"{require_object_id(blob_id)}\n".encode()
            with suppress(BrokenPipeError):  # Git has died: there will be no header
                pipes.stdin.write(query)
                pipes.stdin.flush()
            header = pipes.stdout.readline()
            kind, _, size = header.rpartition(b" ")
            if header and not kind.endswith(b" blob"):
                raise _not_a_blob(blob_id)
            content = pipes.stdout.read(int(size)) if header else b""
            if not pipes.stdout.read(1):
                return  # leaving the context says of what Git has died
            yield blob_id, content


def export_blob(command: GitCommand, blob_id: str, destination: BinaryIO) -> None:
    """Copy the content of a blob into `destination`, piece by piece."""
    with command.stream("cat-file", "blob", require_object_id(blob_id)) as pipes:
        shutil.copyfileobj(pipes.stdout, destination, 1024 * 1024)


def list_tree(command: GitCommand, tree: str) -> dict[RepoPath, TreeFile]:
    """Return every file of a commit or tree. A submodule is not a file."""
    output = command.ask("ls-tree", "-r", "-l", "-z", "--full-tree", "--end-of-options", tree)
    files: dict[RepoPath, TreeFile] = {}
    for record in output.stdout.split(b"\0")[:-1]:
        facts, _, raw_path = record.partition(b"\t")
        mode, kind, blob_id, size = facts.decode().split()
        if kind == "blob":
            files[RepoPath(escape_name(raw_path))] = TreeFile(
                mode=int(mode, 8),
                blob_id=blob_id,
                size_bytes=int(size),
            )
    return files


def find_blobs(
    command: GitCommand,
    commits: Sequence[str],
    paths: Sequence[RepoPath],
) -> dict[tuple[str, RepoPath], str]:
    """Return the blob id of each path in each commit, where there is one."""
    raw_paths = {path: unescape_name(path) for path in paths}
    one_line = [path for path in paths if b"\n" not in raw_paths[path]]
    wanted = [(require_object_id(commit), path) for commit in commits for path in one_line]
    queries = [b"%s:%s\n" % (commit.encode(), raw_paths[path]) for commit, path in wanted]
    found = dict(zip(wanted, _find_each(command, queries), strict=True)) if wanted else {}
    # `cat-file` takes a query a line before Git 2.38; names of two lines are rare.
    if len(one_line) < len(paths):
        two_lines = set(paths) - set(one_line)
        for commit in commits:
            files = list_tree(command, require_object_id(commit))
            found |= {
                (commit, path): file.blob_id for path, file in files.items() if path in two_lines
            }
    return {key: blob_id for key, blob_id in found.items() if blob_id is not None}


def _find_each(command: GitCommand, queries: Sequence[bytes]) -> Iterator[str | None]:
    template = "--batch-check=%(objecttype) %(objectname)"
    output = command.ask("cat-file", template, stdin=b"".join(queries))
    for line in output.stdout.split(b"\n")[:-1]:
        kind, _, blob_id = line.partition(b" ")
        yield blob_id.decode() if kind == b"blob" else None


def _not_a_blob(blob_id: str) -> GitError:
    return GitError(f"the Git blob '{blob_id}' is not in this repository", hint="git fsck")


def read_worktree_file(command: GitCommand, path: RepoPath, blob_id: str) -> bytes:
    """Return a blob as Git would write it at `path`: line ends and filters applied."""
    operand = b"--path=" + unescape_name(path)
    return command.ask(
        "cat-file", "--filters", os.fsdecode(operand), require_object_id(blob_id)
    ).stdout


def read_worktree_files(
    command: GitCommand, blobs: Mapping[RepoPath, str]
) -> Iterator[tuple[RepoPath, bytes]]:
    """Yield what `read_worktree_file` returns for each path and blob, from one process."""
    one_line = [path for path in blobs if _BATCH_PATH.fullmatch(unescape_name(path))]
    # Git announces the size before the filter; so the end of each content is marked by the
    # answer to a question for something that cannot be there.
    mark = f"mlv-{secrets.token_hex(16)}".encode()
    with command.stream("cat-file", "--batch", "--filters") as pipes:
        for path in one_line:
            query = require_object_id(blobs[path]).encode() + b" " + unescape_name(path)
            with suppress(BrokenPipeError):  # Git has died: there will be no header
                pipes.stdin.write(query + b"\n" + mark + b"\n")
                pipes.stdin.flush()
            header = pipes.stdout.readline()
            if header and header.split()[1:2] != [b"blob"]:
                raise _not_a_blob(blobs[path])
            lines: list[bytes] = []
            while (line := pipes.stdout.readline()) and line != mark + b" missing\n":
                lines.append(line)
            if not line:
                return  # leaving the context says of what Git has died
            yield path, b"".join(lines)[:-1]
    for path in blobs.keys() - one_line:
        yield path, read_worktree_file(command, path, blobs[path])
