"""Lead one tool through the operations of one case."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import msgspec

from benchmarks.measure import Case, Sample, execute
from benchmarks.repository import GIT_ENVIRONMENT
from benchmarks.store.cases import Action, Operation, StoreCase
from benchmarks.store.data import fingerprint, size_of, write_data
from benchmarks.store.settle import settle
from benchmarks.store.tools import Command, Tool

_FIRST_VERSION = "v1"
_RESTORING = (Action.SWITCH, Action.CHECKOUT)


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """Directories of one pass; all of them lie below one that is removed afterwards."""

    worktree: Path
    home: Path
    store: Path

    @property
    def data(self) -> Path:
        """What is tracked."""
        return self.worktree / "data"


class Pass(msgspec.Struct, frozen=True, kw_only=True):
    """One tool in one case.

    Attributes:
        case: What is done.
        tool: What it is done with.
        places: Where.
        helper: A process that handles the data, so that this one stays small: what it held at
            most would count as memory of every process that it starts.
    """

    case: StoreCase
    tool: Tool
    places: Places
    helper: ProcessPoolExecutor

    def version_of(self, operation: Operation) -> str:
        """Return the version that an operation makes or brings back with this tool."""
        return operation.version if self.tool.has_versions else _FIRST_VERSION


def make_pass(case: StoreCase, tool: Tool, directory: Path) -> Iterator[tuple[str, Sample]]:
    """Do what a tool can of a case, in a fresh directory, which is removed at the end.

    Yields:
        The title of each operation, with what it cost.

    Raises:
        RuntimeError: A command failed, or did not bring back the data that was there.
    """
    places = Places(
        worktree=directory / "worktree", home=directory / "home", store=directory / "store"
    )
    try:
        for place in (places.worktree, places.home, places.store):
            place.mkdir(parents=True)
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as helper:
            here = Pass(case=case, tool=tool, places=places, helper=helper)
            for command in tool.prepare:
                execute(_case_of(command, "prepare", here, version=""))
            helper.submit(write_data, case.data_set, places.data).result()
            yield from _operate(here)
    finally:
        _remove(directory)


def _operate(here: Pass) -> Iterator[tuple[str, Sample]]:
    operations = here.case.operations
    restored = {here.version_of(each) for each in operations if each.action in _RESTORING}
    seen: dict[str, str] = {}
    changed_at_s = time.monotonic()
    for operation in operations:
        if not _can(here.tool, operation):
            continue
        version = here.version_of(operation)
        if operation.action is Action.CHECKOUT:
            shutil.rmtree(here.places.data)
        if operation.change:
            here.helper.submit(operation.change, here.places.data).result()
            changed_at_s = time.monotonic()
        settle(changed_at_s=changed_at_s, needs_bytes=here.case.data_set.n_bytes)
        yield operation.title, _measure(operation, here, version=version)
        if version in restored:
            found = here.helper.submit(fingerprint, here.places.data).result()
            if seen.setdefault(version, found) != found:
                raise RuntimeError(f"{here.tool.name}: {operation.title}: not the data of before")


def _can(tool: Tool, operation: Operation) -> bool:
    if not tool.has_versions and operation.action is Action.TRACK:
        return operation.version == _FIRST_VERSION
    return bool(_commands(tool, operation))


def _commands(tool: Tool, operation: Operation) -> tuple[Command, ...]:
    match operation.action:
        case Action.TRACK:
            return tool.track
        case Action.STATUS:
            return tool.status
        case Action.SWITCH:
            return tool.switch
        case Action.CHECKOUT:
            return tool.checkout


def _measure(operation: Operation, here: Pass, *, version: str) -> Sample:
    before_bytes = _size_of_store(here) if operation.grows else 0
    commands = _commands(here.tool, operation)
    samples = [
        execute(_case_of(command, operation.title, here, version=version)) for command in commands
    ]
    in_git = [
        sample.wall_s for sample, command in zip(samples, commands, strict=True) if _is_git(command)
    ]
    return Sample(
        wall_s=sum(sample.wall_s for sample in samples),
        cpu_s=sum(sample.cpu_s for sample in samples),
        peak_rss_bytes=max(sample.peak_rss_bytes for sample in samples),
        peak_tree_bytes=max(sample.peak_tree_bytes or 0 for sample in samples) or None,
        git_s=sum(in_git) if 0 < len(in_git) < len(samples) else None,
        growth_bytes=_size_of_store(here) - before_bytes if operation.grows else None,
    )


def _size_of_store(here: Pass) -> int:
    stores = [here.places.worktree / store for store in here.tool.stores]
    return here.helper.submit(size_of, stores).result()


def _case_of(command: Command, title: str, here: Pass, *, version: str) -> Case:
    tool, places = here.tool, here.places
    words = {
        "{version}": version,
        "{home}": str(places.home),
        "{store}": str(places.store),
    }
    return Case(
        name=f"{tool.name}: {title}",
        argv=tuple(_fill(argument, words) for argument in command),
        directory=places.worktree,
        variables={
            **GIT_ENVIRONMENT,
            "HOME": str(places.home),
            "XDG_CACHE_HOME": str(places.home / "cache"),
            "XDG_CONFIG_HOME": str(places.home / "config"),
            **{name: _fill(value, words) for name, value in tool.variables.items()},
        },
        watches_tree=True,
    )


def _fill(text: str, words: Mapping[str, str]) -> str:
    for word, value in words.items():
        text = text.replace(word, value)
    return text


def _is_git(command: Command) -> bool:
    return command[0] == "git" or (command[0] == "sh" and command[2].startswith("git "))


def _remove(directory: Path) -> None:
    """Remove a directory, even where a tool took the permission to write in it."""
    subprocess.run(["chmod", "-R", "u+w", str(directory)], check=False)
    shutil.rmtree(directory)
