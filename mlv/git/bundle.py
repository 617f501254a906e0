"""Git bundles: commits and what they need, in one stream of bytes.

Source: gitformat-bundle(5).
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

import msgspec

from mlv.errors import CorruptDataError, GitError
from mlv.git.objects import require_object_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mlv.git.command import GitCommand
    from mlv.git.discovery import GitLocation

_MOST_HEADER_BYTES = 16 << 20
_SIGNATURE = re.compile(rb"# v[23] git bundle\n(?:@[^\n]*\n)*")
_MOST_LISTED = 1000

# One thread finds the same deltas each time; several do not.
_SETTINGS = ("-c", "pack.threads=1")


class BundleHeader(msgspec.Struct, frozen=True, kw_only=True):
    """What a bundle brings, and what it stands on.

    Attributes:
        tips: The commits that it brings, by name.
        prerequisites: Commits that have to be there already.
    """

    tips: dict[str, str]
    prerequisites: tuple[str, ...]


def list_unpushed(command: GitCommand, commit: str) -> tuple[str, ...]:
    """Return a commit and its ancestors that no remote-tracking ref has, the newest thousand."""
    limit = f"--max-count={_MOST_LISTED}"
    answer = command.ask("rev-list", limit, require_object_id(commit), "--not", "--remotes")
    return tuple(answer.stdout.decode().split())


def list_cut_off(location: GitLocation) -> frozenset[str]:
    """Return the commits whose parents a shallow clone lacks. Does not run Git."""
    file = location.common_dir / "shallow"
    return frozenset(file.read_text().split()) if file.is_file() else frozenset()


def measure_unpushed(command: GitCommand, location: GitLocation, *, limit_bytes: int) -> bool:
    """Tell whether the history of HEAD that no remote has takes more than so many bytes.

    Git is asked only when all objects of the repository do.
    """
    if _measure_objects(location, limit_bytes) <= limit_bytes:
        return False
    try:
        answer = command.ask("rev-list", "--objects", "--disk-usage", "HEAD", "--not", "--remotes")
    except GitError:  # before Git 2.31
        return False
    return int(answer.stdout) > limit_bytes


@contextmanager
def write_bundle(command: GitCommand, ref: str, *exclude: str) -> Iterator[IO[bytes]]:
    """Give a bundle of the history of a ref to read, to its end.

    Args:
        command: Git on the repository.
        ref: What to bring.
        exclude: What is not needed: `^COMMIT`, or `--not --remotes` at the end.

    Raises:
        GitError: There is nothing left to bring, or Git refuses.
    """
    with command.pour(*_SETTINGS, "bundle", "create", "-", ref, *exclude) as stream:
        yield stream


def split_bundle(blocks: Iterable[bytes]) -> tuple[BundleHeader, Iterator[bytes]]:
    """Return the header of a bundle, and the pack after it, which is read as it is used.

    Raises:
        CorruptDataError: It is no bundle.
    """
    source = iter(blocks)
    data = b""
    while b"\n\n" not in data:
        block = next(source, b"")
        data += block
        if not block or len(data) > _MOST_HEADER_BYTES:
            raise _no_bundle()
    head, _, pack = data.partition(b"\n\n")
    return parse_header(head), _chain(pack, source)


def parse_header(head: bytes) -> BundleHeader:
    """Return the header of a bundle; the empty line after it may be missing.

    Raises:
        CorruptDataError: It is none.
    """
    signature = _SIGNATURE.match(head + b"\n")
    if signature is None:
        raise _no_bundle()
    tips: dict[str, str] = {}
    prerequisites: list[str] = []
    for line in head[signature.end() :].split(b"\n"):
        if not line:
            break
        name, _, rest = os.fsdecode(line).partition(" ")
        if name.startswith("-"):
            prerequisites.append(require_object_id(name[1:]))
        else:
            tips[rest] = require_object_id(name)
    return BundleHeader(tips=tips, prerequisites=tuple(prerequisites))


def unpack(command: GitCommand, pack: Iterable[bytes]) -> None:
    """Add the objects of a pack to the repository; no ref changes.

    Raises:
        GitError: It is damaged, or stands on objects that are not there.
        StorageError: Git could not write.
    """
    command.feed("index-pack", "--stdin", "--fix-thin", blocks=pack)


def find_present(command: GitCommand, commits: Sequence[str]) -> frozenset[str]:
    """Return those of `commits` that the repository has."""
    if not commits:
        return frozenset()
    queries = "".join(f"{require_object_id(commit)}\n" for commit in commits)
    answer = command.ask("cat-file", "--batch-check=%(objecttype)", stdin=queries.encode())
    kinds = answer.stdout.splitlines()
    return frozenset(
        commit for commit, kind in zip(commits, kinds, strict=True) if kind == b"commit"
    )


def require_complete(command: GitCommand, commit: str, without: Iterable[str]) -> None:
    """Check that everything is there that a commit needs, and others do not need.

    Raises:
        GitError: Something is missing.
    """
    command.ask("rev-list", "--quiet", "--objects", commit, *(f"^{each}" for each in without))


def _measure_objects(location: GitLocation, enough_bytes: int) -> int:
    """Return the size of all objects; when there are more than enough, that of some."""
    top = os.fspath(location.common_dir / "objects")
    total = 0
    for directory in ("pack", *(f"{number:02x}" for number in range(256))):
        try:
            with os.scandir(f"{top}/{directory}") as entries:
                total += sum(entry.stat(follow_symlinks=False).st_size for entry in entries)
        except OSError:  # it is not there, or is just being packed
            continue
        if total > enough_bytes:
            break
    return total


def _chain(first: bytes, others: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from others


def _no_bundle() -> CorruptDataError:
    return CorruptDataError("an object that should be a Git bundle is none")
