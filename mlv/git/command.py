"""Run Git: the one place that calls GitPython.

Every call names the repository, switches hooks off and speaks plain English. Whatever
a surrounding Git process left in the environment to point at *its* repository is
dropped, so that a call from inside a hook still works on the repository that is meant.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from itertools import chain
from subprocess import PIPE
from typing import IO, TYPE_CHECKING

import msgspec

from mlv.git.failures import git_failure, not_found
from mlv.git.process import begin, ended_on_error, pipe_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path
    from subprocess import Popen

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


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """What a finished Git process left."""

    status: int
    stdout: bytes
    stderr: bytes


class Pipes(msgspec.Struct, frozen=True, kw_only=True):
    """The two ends of a running Git process."""

    stdin: IO[bytes]
    stdout: IO[bytes]


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A Git process to run beside others.

    Attributes:
        arguments: Subcommand, options and operands, one argument each.
        environment: Variables for this process.
        accept: Exit statuses that are answers, not failures.
    """

    arguments: tuple[str, ...]
    environment: dict[str, str] = {}
    accept: tuple[int, ...] = (0,)


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
        return _output(status, arguments, accept, stdout, stderr)

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
        process = self._begin(arguments, environment or {})
        return _finish(process, arguments, accept, stdin)

    def ask_together(self, *questions: Question) -> tuple[Output, ...]:
        """Run several Git processes at once, to their ends, and return what each left.

        Raises:
            GitError, StorageError: As `run`, of the first question that failed.
        """
        begun = [self._begin(each.arguments, each.environment) for each in questions]
        with ended_on_error(*begun):
            replies = [process.communicate() for process in begun]
        return tuple(
            _output(process.returncode, each.arguments, each.accept, *reply)
            for process, each, reply in zip(begun, questions, replies, strict=True)
        )

    @contextmanager
    def pour(self, *arguments: str) -> Iterator[IO[bytes]]:
        """Run Git, and let the caller read what it prints, of any size, to its end.

        Raises:
            GitError, StorageError: As `run`, on leaving the context without an exception.
        """
        process = self._begin(arguments, {})
        with ended_on_error(process):
            yield pipe_of(process.stdout)
            _finish(process, arguments, (0,), b"")

    def feed(self, *arguments: str, blocks: Iterable[bytes]) -> Output:
        """Run Git to its end on input of any size.

        Raises:
            GitError, StorageError: As `run`.
        """
        process = self._begin(arguments, {})
        with ended_on_error(process):
            with suppress(BrokenPipeError):  # Git has died, and says of what
                for block in blocks:
                    pipe_of(process.stdin).write(block)
            return _finish(process, arguments, (0,), b"")

    @contextmanager
    def stream(self, *arguments: str) -> Iterator[Pipes]:
        """Run Git beside the caller, who writes to it and reads from it.

        Leaving the context ends the process; leaving it without an exception also
        checks the exit status, so the caller reads to the end.

        Raises:
            GitError, StorageError: As `run`.
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
            raise git_failure(arguments, process.returncode, stderr)

    def _begin(self, arguments: tuple[str, ...], environment: Mapping[str, str]) -> Popen[bytes]:
        variables = {**os.environ, **self._variables(), **environment}
        for name in _INHERITED:
            if name not in environment:
                variables.pop(name, None)
        argv = ("git", *self._options(), *arguments)
        try:
            return begin(argv, variables)
        except (FileNotFoundError, PermissionError) as error:
            raise not_found() from error

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
        return git.execute(
            argv,
            istream=PIPE,
            as_process=True,
            shell=False,
            env=environment,
            start_new_session=True,
        )
    except (GitCommandNotFound, PermissionError) as error:
        raise not_found() from error


def _finish(
    process: Popen[bytes],
    arguments: tuple[str, ...],
    accept: tuple[int, ...],
    stdin: bytes,
) -> Output:
    with ended_on_error(process):
        stdout, stderr = process.communicate(stdin)
    return _output(process.returncode, arguments, accept, stdout, stderr)


def _output(
    status: int,
    arguments: tuple[str, ...],
    accept: tuple[int, ...],
    stdout: bytes,
    stderr: bytes,
) -> Output:
    if status not in accept:
        raise git_failure(arguments, status, stderr)
    return Output(status=status, stdout=stdout, stderr=stderr)
