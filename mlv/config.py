"""Files, environment and flags, combined into one `Settings`."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, get_args, get_origin

import msgspec

from mlv.core.settings import Local, Project, Settings, Strict
from mlv.errors import UnreadableFileError
from mlv.git.discovery import find_git, store_directory

PROJECT_FILE = "mlv.yaml"
LOCAL_FILE = "config.yaml"

FileT = TypeVar("FileT", bound=Strict)


def load_settings(start: Path) -> Settings:
    """Return the settings for the repository that `start` lies in.

    Raises:
        UnreadableFileError: `mlv.yaml` or `.mlv/config.yaml` is malformed, or has a key
            that mlv does not know.
    """
    location = find_git(start)
    if location is None:
        return Settings()
    store = store_directory(location)
    return Settings(
        project=_load(location.root / PROJECT_FILE, PROJECT_FILE, Project),
        local=_load(store / LOCAL_FILE, f"{store.name}/{LOCAL_FILE}", Local),
    )


def _load(path: Path, name: str, file_type: type[FileT]) -> FileT:
    """Return what a file says; that it says nothing when it is not there."""
    if not path.is_file():
        return file_type()
    from mlv.capture.documents import read_document

    content = read_document(path, name)
    try:
        return msgspec.convert(content if content is not None else {}, file_type)
    except msgspec.ValidationError as error:
        faults = list(_find_faults(content, file_type, ()))
        raise _refuse(path, name, faults) from error


class _Fault(NamedTuple):
    """One mistake in a file: the keys that lead to it, what it is, and what to do."""

    keys: tuple[str, ...]
    problem: str
    hint: str | None = None


def _find_faults(value: object, kind: Any, keys: tuple[str, ...]) -> Iterator[_Fault]:  # noqa: ANN401
    """Yield what is wrong with a value, key by key.

    Args:
        value: What the file says.
        kind: The type that it should have.
        keys: Where in the file it is.
    """
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        problem = str(error)
    else:
        return
    is_mapping = get_origin(kind) is dict
    among = () if is_mapping else (kind, *get_args(kind))  # an optional part is a union
    struct = next((each for each in among if _is_struct(each)), None)
    if not isinstance(value, dict) or (struct is None and not is_mapping):
        reason = problem.partition(" - at ")[0].replace("`", "")
        subject = f"{keys[-1]}: " if keys else ""
        yield _Fault(keys, f"{subject}{reason[:1].lower()}{reason[1:]}")
        return
    if struct is None:
        for key, inner in value.items():
            yield from _find_faults(inner, get_args(kind)[1], (*keys, key))
        return
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    for key, inner in value.items():
        if key in fields:
            yield from _find_faults(inner, fields[key].type, (*keys, key))
        else:
            nearest = difflib.get_close_matches(key, fields, n=1)
            hint = f"did you mean {nearest[0]!r}?" if nearest else f"known are {', '.join(fields)}"
            yield _Fault((*keys, key), f"unknown key {key!r}", hint)
    for key, field in fields.items():
        if field.required and key not in value:
            yield _Fault(keys, f"{keys[-1] if keys else 'the file'} has no {key!r}")


def _is_struct(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _refuse(path: Path, name: str, faults: Sequence[_Fault]) -> UnreadableFileError:
    """Return the error that names all faults; the hint is that of the first that has one."""
    lines = [f"{name}:{_line_of(path, fault.keys)}: {fault.problem}" for fault in faults]
    hints = (fault.hint for fault in faults if fault.hint)
    return UnreadableFileError("\n".join(lines), hint=next(hints, None))


def _line_of(path: Path, keys: Sequence[str]) -> int:
    """Return the line on which a nested key stands, counted from 1."""
    import yaml

    node = yaml.compose(path.read_text("utf-8-sig"), yaml.SafeLoader)
    line = 1
    for key in keys:
        if not isinstance(node, yaml.MappingNode):
            break
        found = [pair for pair in node.value if pair[0].value == key]
        if not found:  # such as one that a merge brings
            break
        line = found[-1][0].start_mark.line + 1
        node = found[-1][1]
    return line
