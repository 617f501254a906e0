"""The environment of a run: the command's interpreter, the machine, the variables."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec

from mlv.app.live_run import RunStart
from mlv.app.record.seen import Seen
from mlv.app.workspace import Workspace
from mlv.capture.environment import find_lock_files, read_machine, read_variables
from mlv.capture.interpreter import find_interpreter, read_interpreter
from mlv.core.environment import Distribution, Environment, Interpreter
from mlv.core.run import Content
from mlv.worktree.fingerprint import HashOnly, fingerprint
from mlv.worktree.paths import os_path


def record_environment(workspace: Workspace, executable: Path, directory: Path) -> Content:
    """Store what surrounds a command, before it starts.

    Args:
        workspace: Where it runs.
        executable: The program.
        directory: Its working directory.

    Raises:
        StorageError: The disk is full, read-only or failing.
    """
    python = find_interpreter(executable, directory, os.environ)
    environment = Environment(
        interpreter=_ask(workspace, python, directory),
        machine=read_machine(workspace.layout.cache),
        variables=read_variables(os.environ),
        lock_files={
            name: fingerprint(workspace.root / name, HashOnly()).digest
            for name in find_lock_files(workspace.root)
        },
    )
    with workspace.objects.transaction() as objects:
        return objects.add_record(environment)


def complete_environment(workspace: Workspace, start: RunStart, seen: Seen) -> Content | None:
    """Add the interpreter that was seen at work, when it was not known beforehand.

    A shell script or a Makefile may start any Python; the first that did counts.

    Raises:
        StorageError: The disk is full, read-only or failing.
    """
    if start.environment is None or not seen.processes:
        return start.environment
    environment = workspace.objects.read_record(start.environment, Environment)
    if environment.interpreter is not None:
        return start.environment
    python = Path(seen.processes[0].executable)
    directory = os_path(workspace.root, start.command.directory)
    interpreter = _ask(workspace, python, directory)
    completed = msgspec.structs.replace(environment, interpreter=interpreter)
    with workspace.objects.transaction() as objects:
        return objects.add_record(completed)


def find_own_source(workspace: Workspace, distribution: Distribution) -> Path | None:
    """Return the directory of this worktree that a package was installed from, if it was."""
    if distribution.source is None or not distribution.source.startswith("file:"):
        return None
    source = Path(unquote(urlsplit(distribution.source).path))
    return source if source.is_relative_to(workspace.root) else None


def describe_copies(workspace: Workspace, environment: Content | None) -> Iterator[str]:
    """Yield a problem for each package that is an installed copy of the worktree's code."""
    if environment is None:
        return
    interpreter = workspace.objects.read_record(environment, Environment).interpreter
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
    return None if facts is None else facts.interpreter
