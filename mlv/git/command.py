"""Run Git: the one place that calls GitPython.

Every call names the repository, switches hooks off and speaks plain English. Whatever
a surrounding Git process left in the environment to point at *its* repository is
dropped, so that a call from inside a hook still works on the repository that is meant.
"""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from itertools import chain
from subprocess import PIPE
from typing import IO, TYPE_CHECKING

import msgspec

from mlv.errors import GitError, MlvError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from git.cmd import Git

_SETTINGS = (
    f"core.hooksPath={os.devnull}",
    "core.fsmonitor=false",
    "core.quotePath=false",
    "core.logAllRefUpdates=false",
)
"""Nothing of the user's runs, and no reflog is begun, because mlv looks at a repository."""

# `git rev-parse --local-env-vars` less GIT_CONFIG*: settings do not name a repository,
# and containers declare `safe.directory` through them. Below it, what changes the
# meaning of paths and refs.
_INHERITED = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
    "GIT_ATTR_SOURCE",
    "GIT_DIFF_OPTS",
    "GIT_EXTERNAL_DIFF",
    "GIT_GLOB_PATHSPECS",
    "GIT_ICASE_PATHSPECS",
    "GIT_LITERAL_PATHSPECS",
    "GIT_NAMESPACE",
    "GIT_NOGLOB_PATHSPECS",
)
_STORAGE_COMPLAINTS = (
    "No space left on device",
    "Disk quota exceeded",
    "Read-only file system",
    "Input/output error",
    "insufficient permission for adding an object",
    "unable to write",
    "unable to create directory",
    "unable to create temporary file",
    ".lock': Permission denied",
)
_NOT_FOUND_STATUS = 127


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """What a finished Git process left."""

    status: int
    stdout: bytes
    stderr: bytes


class Pipes(msgspec.Struct, frozen=True, kw_only=True):
    """The two ends of a running Git process."""

    stdin: IO[bytes]
    stdout: IO[bytes]


class GitCommand:
    """Git on one worktree. Holds no process between calls; safe to share by threads.

    Args:
        root: Top directory of the worktree, absolute and without symbolic links.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def run(
        self,
        *arguments: str,
        stdin: bytes = b"",
        environment: Mapping[str, str] | None = None,
        accept: tuple[int, ...] = (0,),
    ) -> Output:
        """Run Git to its end.

        Args:
            arguments: Subcommand, options and operands, one argument each.
            stdin: What the process reads.
            environment: Variables for this call.
            accept: Exit statuses that are answers, not failures.

        Raises:
            GitError: Git is not there, refuses the repository, or fails.
            StorageError: Git could not write.
        """
        process = self._start(arguments, environment or {})
        stdout, stderr = process.communicate(stdin)
        status: int = process.returncode
        if status not in accept:
            raise _failure(arguments, status, stderr)
        return Output(status=status, stdout=stdout, stderr=stderr)

    def ask(
        self,
        *arguments: str,
        stdin: bytes = b"",
        environment: Mapping[str, str] | None = None,
        accept: tuple[int, ...] = (0,),
    ) -> Output:
        """Run Git to its end as `run` does, without loading GitPython.

        For commands whose whole work takes less time than that import.

        Raises:
            GitError, StorageError: As `run`.
        """
        given = environment or {}
        variables = {**os.environ, **self._variables(), **given}
        for name in _INHERITED:
            if name not in given:
                variables.pop(name, None)
        argv = ["git", *self._options(), *arguments]
        try:
            done = subprocess.run(
                argv, input=stdin, env=variables, capture_output=True, check=False
            )
        except (FileNotFoundError, PermissionError) as error:
            raise _not_found() from error
        if done.returncode not in accept:
            raise _failure(arguments, done.returncode, done.stderr)
        return Output(status=done.returncode, stdout=done.stdout, stderr=done.stderr)

    @contextmanager
    def stream(self, *arguments: str) -> Iterator[Pipes]:
        """Run Git beside the caller, who writes to it and reads from it.

        Leaving the context ends the process; leaving it without an exception also
        checks the exit status, so the caller reads to the end.

        Raises:
            GitError: As `run`.
            StorageError: As `run`.
        """
        process = self._start(arguments, {})
        try:
            yield Pipes(stdin=process.stdin, stdout=process.stdout)
        except BaseException:
            process.kill()
            process.communicate()
            raise
        _, stderr = process.communicate()
        if process.returncode != 0:
            raise _failure(arguments, process.returncode, stderr)

    def _start(
        self, arguments: tuple[str, ...], environment: Mapping[str, str]
    ) -> Git.AutoInterrupt:
        git = _load_git(self._root)
        argv = [git.GIT_PYTHON_GIT_EXECUTABLE or "git", *self._options()]
        inherited = [name for name in _INHERITED if name in os.environ and name not in environment]
        if inherited:
            # GitPython passes all of os.environ on, and an empty value is not the same
            # to Git as none.
            argv = ["env", *chain.from_iterable(("-u", name) for name in inherited), *argv]
        return _execute(git, [*argv, *arguments], {**self._variables(), **environment})

    def _options(self) -> list[str]:
        return ["-C", str(self._root), *chain.from_iterable(("-c", each) for each in _SETTINGS)]

    def _variables(self) -> dict[str, str]:
        return {
            # Without this a repository that has vanished would be looked for further up.
            "GIT_CEILING_DIRECTORIES": str(self._root.parent),
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_TERMINAL_PROMPT": "0",
            "LANGUAGE": "C",
            "LC_ALL": "C",
        }


def _load_git(root: Path) -> Git:
    """Import GitPython; a missing Git is reported by the first call, not by the import."""
    name = "GIT_PYTHON_REFRESH"
    before = os.environ.get(name)
    os.environ[name] = "quiet"
    try:
        from git.cmd import Git  # 0.1 s, and only for those who use Git
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
    return Git(root)


def _execute(git: Git, argv: list[str], environment: dict[str, str]) -> Git.AutoInterrupt:
    from git.exc import GitCommandNotFound  # loaded by now

    try:
        return git.execute(argv, istream=PIPE, as_process=True, shell=False, env=environment)
    except (GitCommandNotFound, PermissionError) as error:
        raise _not_found() from error


def _not_found() -> GitError:
    return GitError(
        "the program 'git' was not found",
        hint="install Git (https://git-scm.com/downloads) and put it on PATH",
    )


def _failure(arguments: tuple[str, ...], status: int, stderr: bytes) -> MlvError:
    text = stderr.decode("utf-8", "replace")
    if status == _NOT_FOUND_STATUS:
        return _not_found()
    lines = [_strip_level(line) for line in text.splitlines() if line.strip()]
    if "detected dubious ownership" in text:
        hint = next((line for line in lines if line.startswith("git config ")), None)
        return GitError(f"git refuses this repository: {lines[0]}", hint=hint)
    subcommand = next(word for word in arguments if not word.startswith("-") and "=" not in word)
    message = f"git {subcommand} failed: {'; '.join(lines) or f'exit status {status}'}"
    if any(complaint in text for complaint in _STORAGE_COMPLAINTS):
        return StorageError(message)
    return GitError(message)


def _strip_level(line: str) -> str:
    line = line.strip()
    for level in ("fatal: ", "error: ", "warning: "):
        line = line.removeprefix(level)
    return line.rstrip(".")
