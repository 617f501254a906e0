"""Change params in their files before a run: what `mlv run --set` does."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from mlv.app.publish import Invocation, publish
from mlv.app.record.params import ParamsRequest, find_params_files
from mlv.app.reporter import Reporter
from mlv.app.restore.change import applied_change, read_state
from mlv.app.workspace import Workspace
from mlv.app.worktree_lock import worktree_lock
from mlv.capture.documents.document_text import read_text
from mlv.capture.documents.edit_document import set_value
from mlv.capture.documents.params import read_params_file
from mlv.capture.redact import Redactor
from mlv.core.enumeration import enumerate_some
from mlv.core.operation import ChangeWorktree, FileChange, FileState, WorktreeChange
from mlv.core.paths import RepoPath
from mlv.core.tree import Fingerprint
from mlv.errors import UsageError
from mlv.store.durable import replace_file
from mlv.store.failures import storage_errors
from mlv.worktree.paths import is_inside, os_path, repo_path


class EditedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A params file that is to be changed.

    Attributes:
        path: Where it is.
        before, after: Its whole text.
        changes: What changes, in words.
        secret: Whether it holds what looks like a secret.
    """

    path: RepoPath
    before: str
    after: str
    changes: tuple[str, ...]
    secret: bool


class _Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One `FILE:KEY=VALUE`."""

    file: str | None
    key: str
    typed: str


class _ParamsFile(msgspec.Struct, frozen=True, kw_only=True):
    """A params file, and the keys of it that may be set."""

    path: Path
    name: RepoPath
    values: dict[str, Any]
    keys: tuple[str, ...]


def plan_edits(
    workspace: Workspace, request: ParamsRequest, sets: Sequence[str], redactor: Redactor
) -> tuple[EditedFile, ...]:
    """Find what has to change in which params files; nothing is written.

    Args:
        workspace: Where.
        request: Whose params.
        sets: `KEY=VALUE` or `FILE:KEY=VALUE`, each.
        redactor: Knows what is a secret.

    Raises:
        UsageError: A key is not there, is there several times, or cannot be set alone.
        MissingFileError, UnreadableFileError: Of a params file.
    """
    files = [
        _ParamsFile(
            path=path,
            name=repo_path(workspace.root, path),
            values=read_params_file(path, repo_path(workspace.root, path)),
            keys=keys,
        )
        for path, keys in find_params_files(workspace, request)
    ]
    edits: dict[RepoPath, EditedFile] = {}
    for text in sets:
        setting = _parse(text)
        file = _choose(files, setting)
        edits[file.name] = _edit(file, setting, edits.get(file.name), redactor)
    return tuple(edit for edit in edits.values() if edit.before != edit.after)


def apply_in_place(
    workspace: Workspace, edits: Sequence[EditedFile], invocation: Invocation, reporter: Reporter
) -> None:
    """Change params files of the worktree, so that `mlv undo` can change them back.

    A file with a secret in it is not stored; the message says what the value was.

    Raises:
        StorageError: The disk is full, read-only or failing.
        LockedError: Another process changes the worktree.
    """
    kept = [edit for edit in edits if _can_be_undone(workspace, edit)]
    for edit in edits:
        if edit not in kept:
            write_edit(workspace.root, edit)
            reporter.note(f"set in {edit.path}: {enumerate_some(edit.changes)}")
    if not kept:
        return
    with workspace.objects.hold(), worktree_lock(workspace):
        with workspace.objects.transaction() as objects:
            files = []
            for edit in sorted(kept, key=lambda each: each.path):
                content = objects.add_bytes(edit.after.encode())
                before = read_state(workspace, edit.path, objects)
                after = Fingerprint(
                    kind=before.fingerprint.kind if before else "file",
                    digest=content.digest,
                    size_bytes=content.size_bytes,
                )
                state = FileState(fingerprint=after, mode=before.mode if before else None)
                files.append(FileChange(path=edit.path, before=before, after=state))
        with applied_change(workspace, WorktreeChange(files=tuple(files))) as stored:
            change = ChangeWorktree(files=stored, worktree=str(workspace.root))
            operation = publish(workspace, invocation, change)
    for edit in kept:
        reporter.note(
            f"set in {edit.path}: {enumerate_some(edit.changes)}"
            f" (`mlv undo {operation.id[:12]}` sets it back)"
        )


def _can_be_undone(workspace: Workspace, edit: EditedFile) -> bool:
    """Tell whether the file may be stored: it is no link, lies inside, and holds no secret."""
    inside = is_inside(edit.path) and not os_path(workspace.root, edit.path).is_symlink()
    return inside and not edit.secret


def write_edit(root: Path, edit: EditedFile) -> None:
    """Change a params file below `root` without keeping what it held.

    Raises:
        StorageError: The disk is full, read-only or failing.
    """
    with storage_errors(f"write {edit.path}"):
        replace_file(os_path(root, edit.path).resolve(), edit.after.encode())


def _parse(text: str) -> _Setting:
    left, equals, typed = text.partition("=")
    file, colon, key = left.rpartition(":")
    if not equals or not key.strip():
        message = f"{text!r} is not of the form KEY=VALUE"
        raise UsageError(message, hint="write for example --set train.lr=0.1")
    return _Setting(file=file if colon else None, key=key.strip(), typed=typed)


def _choose(files: Sequence[_ParamsFile], setting: _Setting) -> _ParamsFile:
    if not files:
        message = f"{setting.key!r} cannot be set: there is no params file"
        raise UsageError(message, hint="name one with --params FILE")
    named = [file for file in files if setting.file in (None, file.name, file.path.name)]
    if not named:
        message = f"{setting.file!r} is no params file of this command"
        names = enumerate_some([file.name for file in files])
        raise UsageError(message, hint=f"params files are {names}")
    found = [file for file in named if setting.key in _settable(file)]
    if len(found) > 1:
        names = enumerate_some([file.name for file in found])
        message = f"{setting.key!r} is in several params files: {names}"
        hint = f"say which: --set {found[0].name}:{setting.key}={setting.typed}"
        raise UsageError(message, hint=hint)
    if found:
        return found[0]
    known = [key for file in named for key in _settable(file)]
    names = enumerate_some([file.name for file in named])
    nearest = _find_nearest(setting.key, known)
    hint = f"did you mean {nearest!r}?" if nearest else f"there are {enumerate_some(known)}"
    inner = [key for key in known if key.startswith(f"{setting.key}.")]
    if inner:
        message = f"{setting.key!r} in {names} is a group of params"
        raise UsageError(message, hint=f"set one of {enumerate_some(inner)}")
    raise UsageError(f"there is no param {setting.key!r} in {names}", hint=hint)


def _find_nearest(key: str, known: Sequence[str]) -> str | None:
    """Return the key that was meant, if one is near: its last part has to be near as well."""
    last = _last_part(key)
    near_ends = difflib.get_close_matches(last, {_last_part(each) for each in known}, cutoff=0.5)
    ends = [each for each in known if _last_part(each) in near_ends]
    if last == key and len(ends) == 1:
        return ends[0]
    return next(iter(difflib.get_close_matches(key, ends, n=1)), None)


def _last_part(key: str) -> str:
    return key.rpartition(".")[2]


def _settable(file: _ParamsFile) -> list[str]:
    """Return the dotted names of the params of a file that may be set: no groups."""
    return [
        name
        for name in _leaves(file.values)
        if not file.keys or any(name == key or name.startswith(f"{key}.") for key in file.keys)
    ]


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def _edit(
    file: _ParamsFile, setting: _Setting, earlier: EditedFile | None, redactor: Redactor
) -> EditedFile:
    text = earlier.after if earlier else read_text(file.path, file.name)
    keys = _path_of(file.values, setting.key)
    after = set_value(text, file.name, file.path.suffix, keys, setting.typed)
    old = _value_at(redactor.redact_tree(file.values), keys)
    new = redactor.redact_value(setting.key, setting.typed)
    return EditedFile(
        path=file.name,
        before=earlier.before if earlier else text,
        after=after,
        changes=(*(earlier.changes if earlier else ()), f"{setting.key} {old} -> {new}"),
        secret=redactor.redact_tree(file.values) != file.values,
    )


def _path_of(values: Mapping[str, Any], dotted: str) -> list[str]:
    """Return the nested keys that a dotted name means; a key may have dots itself."""
    for key, value in values.items():
        if key == dotted:
            return [key]
        if dotted.startswith(f"{key}.") and isinstance(value, dict):
            inner = _path_of(value, dotted[len(key) + 1 :])
            if inner:
                return [key, *inner]
    return []


def _value_at(values: Mapping[str, Any], keys: Sequence[str]) -> object:
    found: Any = values
    for key in keys:
        found = found[key]
    return found
