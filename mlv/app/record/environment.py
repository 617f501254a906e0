"""The environment of a run: the command's interpreter, the machine, the variables."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from mlv.app.live_run import RunStart
from mlv.app.record.editable import add_commits, find_source
from mlv.app.record.known_environment import find_environment, store_environment
from mlv.app.record.own_python import choose_process
from mlv.app.record.seen import Seen
from mlv.app.workspace import Workspace
from mlv.capture.surroundings.container import find_container
from mlv.capture.surroundings.interpreter import find_interpreter, read_interpreter
from mlv.capture.surroundings.machine import read_machine
from mlv.capture.surroundings.variables import find_lock_files, read_variables
from mlv.core.environment import Distribution, Environment, Interpreter
from mlv.core.run import Content
from mlv.errors import MlvError
from mlv.worktree.fingerprint import HashOnly, fingerprint
from mlv.worktree.paths import os_path, repo_path


class CompletedEnvironment(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an environment in the end.

    Attributes:
        content: The environment record; None when it is not known.
        problems: What is not as it should be.
    """

    content: Content | None = None
    problems: tuple[str, ...] = ()


def describe_environment(workspace: Workspace, executable: Path, directory: Path) -> Environment:
    """Return what surrounds a command now; nothing is stored.

    Args:
        workspace: Where it runs.
        executable: The program.
        directory: Its working directory.
    """
    python = find_interpreter(executable, directory, os.environ)
    return Environment(
        interpreter=_ask(workspace, python, directory),
        machine=read_machine(workspace.layout.cache),
        variables=read_variables(os.environ),
        lock_files=dict(_read_lock_files(workspace, directory)),
        container=find_container(os.environ),
    )


def complete_environment(workspace: Workspace, start: RunStart, seen: Seen) -> CompletedEnvironment:
    """Add what only the end of a command tells: which Python it was, and what it had loaded.

    Raises:
        StorageError: The disk is full, read-only or failing.
    """
    known = start.surroundings
    if known is None and start.environment is not None:
        known = find_environment(workspace, start.environment)
    if known is None:
        return CompletedEnvironment(problems=("its environment is not known",))
    completed = msgspec.structs.replace(
        known,
        interpreter=_seen_interpreter(workspace, start, seen, known.interpreter),
        libraries=dict(sorted(seen.libraries.items())),
    )
    return CompletedEnvironment(
        content=store_environment(workspace, completed),
        problems=tuple(_describe_copies(workspace, completed)),
    )


def find_own_source(workspace: Workspace, distribution: Distribution) -> Path | None:
    """Return the directory of this worktree that a package was installed from, if it was."""
    source = find_source(distribution)
    return source if source is not None and source.is_relative_to(workspace.root) else None


def _read_lock_files(workspace: Workspace, directory: Path) -> Iterator[tuple[str, str]]:
    for path in find_lock_files(workspace.root, directory):
        try:
            digest = fingerprint(path, HashOnly()).digest
        except (MlvError, OSError):  # it cannot be read, so nothing was locked by it
            continue
        yield repo_path(workspace.root, path), digest


def _seen_interpreter(
    workspace: Workspace, start: RunStart, seen: Seen, known: Interpreter | None
) -> Interpreter | None:
    """Return the interpreter that ran the user's code, as far as that was seen.

    What was known beforehand stands, unless the command's own Python was seen to leave the
    work to another one, as `poetry run` does.
    """
    directory = os_path(workspace.root, start.command.directory)
    chosen = choose_process(seen.processes, workspace.root, directory)
    if chosen is None:
        return known
    if known is not None:
        first = [each for each in seen.processes if each.parent_pid == start.process.pid][:1]
        same = (chosen.prefix, chosen.version)
        if not first or (first[0].prefix, first[0].version) == same:
            return known
    return _ask(workspace, Path(chosen.executable), directory) or known


def _describe_copies(workspace: Workspace, environment: Environment) -> Iterator[str]:
    """Yield a problem for each package that is an installed copy of the worktree's code."""
    interpreter = environment.interpreter
    for each in interpreter.distributions if interpreter else ():
        if not each.editable and find_own_source(workspace, each) is not None:
            yield (
                f"package {each.name} is an installed copy of code in this repository, and may"
                " differ from the code snapshot: install it with `pip install -e`"
            )


def _ask(workspace: Workspace, python: Path | None, directory: Path) -> Interpreter | None:
    if python is None:
        return None
    facts = read_interpreter(
        python, cwd=directory, env=os.environ, cache_dir=workspace.layout.cache
    )
    return None if facts is None else add_commits(facts.interpreter, workspace.root)
