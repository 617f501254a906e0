"""What is not recorded although it was opened or declared: secrets, and what `.mlvignore` names."""

from __future__ import annotations

import os
import re
import shlex
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path

import msgspec

from mlv.app.workspace import Workspace
from mlv.core.enumeration import enumerate_some
from mlv.core.paths import RepoPath, escape_name
from mlv.core.tree import Fingerprint
from mlv.git.sensitive import find_secret_in, find_secret_paths
from mlv.store.failures import storage_errors
from mlv.worktree.fingerprint import SKIPPED_NAMES, Sink, fingerprint, fingerprint_picked
from mlv.worktree.paths import is_inside, real_path
from mlv.worktree.picks import Picks, pick_files

_IGNORE_FILE = ".mlvignore"
_SETTINGS = re.compile(
    r"(?:\.(?:ya?ml|json|toml|ini|cfg|env|txt|conf|properties)|(?:^|/)[^./]+)$", re.IGNORECASE
)
"""Names of files that may hold settings: by suffix, or without one."""
_SEARCHED_BYTES = 256 << 10
_MOST_SEARCHED = 500
"""More files of settings are data."""
_MOST_TOLD = 10


class Declared(msgspec.Struct, frozen=True, kw_only=True):
    """What counts of a declared file or directory.

    Attributes:
        path: What was declared.
        place: Where it is, links followed.
        picks: Its files that count; None when all do, or when it is a file.
        secrets: Files that look like secrets; those in a directory do not count.
        kinds: What was found in those of them whose names say nothing.
    """

    path: RepoPath
    place: Path
    picks: Picks | None = None
    secrets: tuple[RepoPath, ...] = ()
    kinds: Mapping[RepoPath, str] = {}

    @property
    def is_secret(self) -> bool:
        """Whether it is one file that looks like a secret."""
        return self.path in self.secrets

    def fingerprint(self, sink: Sink) -> Fingerprint:
        """Return what it holds, as far as that counts.

        Raises:
            MissingFileError, UnreadableFileError, FileChangedError: As of any fingerprint.
        """
        if self.picks is None:
            return fingerprint(self.place, sink)
        return fingerprint_picked(self.place, self.picks, sink)

    def problems(self) -> Iterator[str]:
        """Yield what to tell about the secrets."""
        if self.is_secret and not self.kinds:
            yield f"{self.path} looks like a secret: only its digest is recorded"
            return
        outcome = "only its digest is recorded"
        if not self.is_secret:
            outcome = f"it is not recorded as part of {self.path}"
        yield from describe_held(self.kinds, outcome)
        named = [path for path in self.secrets if path not in self.kinds]
        if named:
            verb = (
                "looks like a secret, and is" if len(named) == 1 else "look like secrets, and are"
            )
            yield f"{enumerate_some(named)} {verb} not recorded as part of {self.path}"


class LeavingOut:
    """What a worktree leaves out: secrets, and what `.mlvignore` at its root names.

    That file has the syntax of `.gitignore`.

    Args:
        workspace: The worktree.
        allowed: Names and patterns of files that look like secrets and are none, beside
            those of the project.
    """

    def __init__(self, workspace: Workspace, allowed: Iterable[str] = ()) -> None:
        self._root = workspace.root
        self._file = workspace.root / _IGNORE_FILE
        self._allowed = (*allowed, *workspace.settings.project.allow_secrets)

    def is_ignored(self, path: RepoPath) -> bool:
        """Tell whether `.mlvignore` names a path, or a directory above it."""
        return self._match is not None and self._match(path)

    def find_secrets(self, paths: Sequence[RepoPath]) -> list[RepoPath]:
        """Return those of many files whose names look like secrets and are not allowed."""
        return [RepoPath(path) for path in find_secret_paths(paths) if not self._allows(path)]

    def find_held(self, paths: Iterable[RepoPath]) -> dict[RepoPath, str]:
        """Return what kind of secret is in those of many files that hold one, and are not allowed.

        Only small files of settings are searched, and not very many of them.
        """
        likely = (path for path in paths if _SETTINGS.search(path))
        nearest = sorted(likely, key=lambda path: (path.count("/"), path))[:_MOST_SEARCHED]
        found = {path: self._search(path) for path in nearest}
        return {path: kind for path, kind in found.items() if kind and not self._allows(path)}

    def declare(self, path: RepoPath) -> Declared:
        """Find out what counts of a declared file or directory."""
        place = real_path(self._root, path)
        if not place.is_dir():
            named = self.find_secrets([path])
            kinds = {} if named else self.find_held([path])
            return Declared(path=path, place=place, secrets=(*named, *kinds), kinds=kinds)
        files, empty = _list(place)
        prefix = "" if path == "." else f"{path}/"
        names = {RepoPath(prefix + escape_name(raw)): raw for raw in files}
        secrets = self.find_secrets(list(names))
        kinds = self.find_held(names.keys() - secrets)
        secrets += kinds
        out = set(secrets)
        if self._match is not None and is_inside(path) and not self.is_ignored(_inside(path)):
            out.update(name for name in names if self._match(name))
        if not out:
            return Declared(path=path, place=place)
        kept = (raw for name, raw in names.items() if name not in out)
        return Declared(
            path=path,
            place=place,
            picks=pick_files(kept, empty=[raw for raw in empty if not self._is_out(prefix, raw)]),
            secrets=tuple(sorted(secrets)),
            kinds=kinds,
        )

    def _is_out(self, prefix: str, directory: bytes) -> bool:
        return self.is_ignored(_inside(RepoPath(f"{prefix}{escape_name(directory)}")))

    def _search(self, path: RepoPath) -> str | None:
        try:
            place = real_path(self._root, path)
            status = place.stat()
            if not stat.S_ISREG(status.st_mode) or status.st_size > _SEARCHED_BYTES:
                return None
            with place.open("rb") as file:
                return find_secret_in(file)
        except OSError:  # whoever reads it says so
            return None

    def _allows(self, path: str) -> bool:
        name = path.rpartition("/")[2]
        return any(fnmatchcase(path, each) or fnmatchcase(name, each) for each in self._allowed)

    @cached_property
    def _match(self) -> Callable[[str], bool] | None:
        if not self._file.exists():
            return None
        from pathspec import GitIgnoreSpec

        with storage_errors(f"read {self._file}"):
            lines = self._file.read_text(errors="replace").splitlines()
        return GitIgnoreSpec.from_lines(lines).match_file


def describe_held(kinds: Mapping[RepoPath, str], outcome: str) -> Iterator[str]:
    """Yield what to tell about files in which secrets were found."""
    for path, kind in list(kinds.items())[:_MOST_TOLD]:
        allow = f"if it is none: --allow-secret {shlex.quote(path)}"
        yield f"{path} holds what looks like a secret ({kind}): {outcome}; {allow}"
    rest = list(kinds)[_MOST_TOLD:]
    if rest:
        yield f"{enumerate_some(rest)} as well: {outcome}"


def _inside(directory: RepoPath) -> RepoPath:
    """Return a directory as patterns see it that are meant for directories alone."""
    return RepoPath(f"{directory}/")


def _list(top: Path) -> tuple[list[bytes], list[bytes]]:
    """Return the paths of all files and links below a directory, and of empty directories."""
    files: list[bytes] = []
    empty: list[bytes] = []
    pending = [b""]
    while pending:
        inner = pending.pop()
        before = len(files) + len(pending)
        try:
            entries = list(os.scandir(os.fsencode(top) + b"/" + inner))
        except OSError:  # whoever reads it says so
            entries = []
        for entry in entries:
            if os.fsdecode(entry.name) in SKIPPED_NAMES:
                continue
            path = inner + b"/" + entry.name if inner else entry.name
            if entry.is_dir(follow_symlinks=False):
                pending.append(path)
            else:
                files.append(path)
        if len(files) + len(pending) == before and inner:
            empty.append(inner)
    return files, empty
