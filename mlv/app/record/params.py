"""The params of a run, from files and from the command's own flags."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from mlv.app.workspace import Workspace
from mlv.capture.documents.params import params_from_argv, read_params_file
from mlv.capture.redact import Redactor
from mlv.core.enumeration import enumerate_some
from mlv.core.paths import RepoPath
from mlv.core.run import ParamSource, ParamTree
from mlv.errors import FileChangedError, MissingFileError, UsageError
from mlv.worktree.fingerprint import HashOnly, fingerprint
from mlv.worktree.paths import os_path, repo_path

PARAMS_FILES = ("params.yaml", "params.yml", "params.json", "params.toml")


class ParamsRequest(Protocol):
    """The part of a run request that says where params are."""

    @property
    def argv(self) -> tuple[str, ...]:
        """The command."""

    @property
    def directory(self) -> Path:
        """Where it runs."""

    @property
    def params(self) -> tuple[str, ...]:
        """Declared params files."""


def read_params(
    workspace: Workspace, request: ParamsRequest, redactor: Redactor
) -> tuple[ParamSource, ...]:
    """Return the params that are known before the command starts, without secrets.

    Without declared files, `params.yaml`, `.yml`, `.json` and `.toml` are looked
    for where the command runs, then at the root. A file that holds a secret has no
    fingerprint: it is not to be stored.

    Raises:
        MissingFileError: A declared file, or a key in it, is not there.
        UnreadableFileError: A file is malformed; the message names line and column.
    """
    sources = [
        _read_file(workspace, path, keys, redactor)
        for path, keys in find_params_files(workspace, request)
    ]
    flags = redactor.redact_tree(params_from_argv(request.argv))
    if flags:
        sources.append(ParamSource(name="command", values=flags))
    return tuple(sources)


def store_params_files(workspace: Workspace, sources: Iterable[ParamSource]) -> None:
    """Store the params files themselves, so that they can be put back.

    Raises:
        FileChangedError: A file is no longer what was read.
        StorageError: The disk is full, read-only or failing.
    """
    files = {RepoPath(source.name): source.file for source in sources if source.file}
    if not files:
        return
    with workspace.objects.transaction() as objects:
        for path, expected in files.items():
            if fingerprint(os_path(workspace.root, path), objects) != expected:
                message = f"params file {path!r} changed while the run began"
                raise FileChangedError(message, hint="run the same command again")


def find_params_files(
    workspace: Workspace, request: ParamsRequest
) -> list[tuple[Path, tuple[str, ...]]]:
    """Return the params files that count, each with the keys that were asked for.

    Raises:
        MissingFileError: A declared file is not there.
    """
    if request.params:
        return [_parse_declared(request.directory, text) for text in request.params]
    for place in dict.fromkeys((request.directory, workspace.root)):
        found = [place / name for name in PARAMS_FILES if (place / name).is_file()]
        if found:
            return [(path, ()) for path in found]
    return []


def _parse_declared(directory: Path, text: str) -> tuple[Path, tuple[str, ...]]:
    name, separator, keys = text.rpartition(":")
    if not separator or (directory / text).exists():
        name, keys = text, ""
    path = directory / name
    if path.is_dir():
        message = f"{name!r} is a directory, and params are in files"
        raise UsageError(message, hint=f"name the file, such as {name.rstrip('/')}/params.yaml")
    if not path.is_file():
        message = f"params file {name!r} is not there"
        raise MissingFileError(message, hint="check the path given with --params")
    return path, tuple(key for key in keys.split(",") if key)


def _read_file(
    workspace: Workspace, path: Path, keys: tuple[str, ...], redactor: Redactor
) -> ParamSource:
    name = repo_path(workspace.root, path)
    found = fingerprint(path, HashOnly())  # first: `store_params_files` sees a later change
    values = read_params_file(path, name)
    redacted = _redact(values, name, redactor)
    return ParamSource(
        name=name,
        values=_select(redacted, keys, name) if keys else redacted,
        file=found if redacted == values else None,
        keys=keys,
    )


def read_selected(
    path: Path, name: str, keys: tuple[str, ...], redactor: Redactor | None = None
) -> ParamTree:
    """Return the params of a file without secrets; only those called `keys`, if there are any.

    Raises:
        MissingFileError: A key is not there.
        UnreadableFileError: The file is malformed.
    """
    values = _redact(read_params_file(path, name), name, redactor or Redactor())
    return _select(values, keys, name) if keys else values


def _redact(values: ParamTree, name: str, redactor: Redactor) -> ParamTree:
    """Return the params of a file without secrets, unless the whole file is allowed."""
    return values if redactor.allows(name) else redactor.redact_tree(values)


def _select(values: dict[str, Any], keys: tuple[str, ...], name: str) -> dict[str, Any]:
    selected: dict[str, Any] = {}
    for key in keys:
        source, target = values, selected
        *parents, last = key.split(".")
        for parent in parents:
            inner = source.get(parent)
            source = inner if isinstance(inner, dict) else {}
            target = target.setdefault(parent, {})
        if last not in source:
            message = f"params file {name!r} has no key {key!r}"
            raise MissingFileError(message, hint=_hint(key, values))
        target[last] = source[last]
    return selected


def _hint(key: str, values: dict[str, Any]) -> str | None:
    known = dotted_names(values)
    nearest = difflib.get_close_matches(key, known, n=1)
    if nearest:
        return f"did you mean {nearest[0]!r}?"
    return f"known are {enumerate_some(known)}" if known else None


def dotted_names(values: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Return the dotted names of all params, those of groups included."""
    names = []
    for key, value in values.items():
        names.append(f"{prefix}{key}")
        if isinstance(value, dict):
            names += dotted_names(value, f"{prefix}{key}.")
    return names
