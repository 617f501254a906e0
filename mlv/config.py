"""Files, environment and flags, combined into one `Settings`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, get_args, get_origin

import msgspec

from mlv.core.settings import Local, Project, Settings, StageSetting, Strict
from mlv.errors import UnreadableFileError
from mlv.git.discovery import find_git, store_directory

PROJECT_FILE = "mlv.yaml"
LOCAL_FILE = "config.yaml"

_TYPE = re.compile(r"`([^`]*)`")
_WORDS = {
    "object": "a mapping",
    "array": "a list",
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "null": "nothing",
}
"""What `mlv.yaml` calls the types of JSON."""

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
    from mlv.capture.documents.documents import read_document

    content = read_document(path, name)
    content = _without_empty({} if content is None else content, file_type)
    try:
        return msgspec.convert(content, file_type)
    except msgspec.ValidationError as error:
        faults = list(_find_faults(content, file_type, ()))
        raise _refuse(path, name, faults) from error


def _without_empty(value: Any, kind: Any) -> Any:  # noqa: ANN401 - a document, and types
    """Return a value without optional keys that have no value, such as `stages:` alone."""
    if not isinstance(value, dict):
        return value
    if get_origin(kind) is dict:
        return {key: _without_empty(inner, get_args(kind)[1]) for key, inner in value.items()}
    struct = _struct_of(kind)
    if struct is None:
        return value
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    return {
        key: _without_empty(inner, fields[key].type) if key in fields else inner
        for key, inner in value.items()
        if inner is not None or key not in fields or fields[key].required
    }


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
    struct = None if is_mapping else _struct_of(kind)
    if not isinstance(value, dict) or (struct is None and not is_mapping):
        yield _Fault(keys, _describe(problem.partition(" - at ")[0], value, struct, keys))
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


def _describe(problem: str, value: object, struct: Any, keys: tuple[str, ...]) -> str:  # noqa: ANN401
    """Return what is wrong with a value in the words of `mlv.yaml`."""
    subject = f"{keys[-1]}: " if keys else ""
    if struct is StageSetting:
        return f"{subject}a stage is a mapping with `cmd`, not {_call(value)}"
    if problem == r"Expected `str` matching regex '\\S'" or problem.endswith("length >= 1"):
        return f"{subject}expected a text that is not empty"
    words = _TYPE.sub(lambda found: _translate(found[1]), problem)
    return f"{subject}{words[:1].lower()}{words[1:]}"


def _translate(types: str) -> str:
    return " or ".join(_WORDS.get(each, each) for each in types.split(" | "))


def _call(value: object) -> str:
    """Return what `mlv.yaml` calls a value."""
    if isinstance(value, list):
        return _WORDS["array"]
    if value is None:
        return _WORDS["null"]
    if isinstance(value, bool):
        return str(value).lower()
    return "a text" if isinstance(value, str) else "a number"


def _struct_of(kind: Any) -> type[msgspec.Struct] | None:  # noqa: ANN401 - any type there is
    """Return the part of a file that a type stands for; an optional one is a union."""
    among = (kind, *get_args(kind))
    return next((t for t in among if isinstance(t, type) and issubclass(t, msgspec.Struct)), None)


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
