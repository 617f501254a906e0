"""Pointers: the small file `<path>.mlv` that Git keeps in place of the data at `<path>`.

    # mlv keeps the data that belongs here: `mlv checkout` brings it back
    mlv: 1
    kind: dir
    digest: 5f1b...e2
    size: 40960
    files: 10
    tree_size: 812

It says what the data is, and neither where nor since when, so that equal data
has equal pointers and a pointer can be moved and renamed.

Source: docs/reference/store-format.md, "Pointers".
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec

from mlv.core.digest import DigestField
from mlv.core.paths import RepoPath
from mlv.core.tree import Fingerprint
from mlv.errors import UnreadableFileError

POINTER_SUFFIX = ".mlv"
"""What a pointer is called after its data."""

MAX_POINTER_BYTES = 64 << 10
"""No pointer is larger; what is, is something else."""

_COMMENT = "# mlv keeps the data that belongs here: `mlv checkout` brings it back\n"
_LINE = re.compile(r"(?P<key>[a-z_]+):[ \t]+(?P<value>[^\s#]+)[ \t]*(?:#.*)?")
_NO_POINTER = "names like *.mlv are for pointers: rename the file"
_CONFLICT = ("<<<<<<<", "=======", ">>>>>>>")
_FIELD = re.compile(r" - at `\$\.(\w+)`$")
_NAMED_FIELD = re.compile(r"field `(\w+)`")

_Size = Annotated[int, msgspec.Meta(ge=0)]


class _PointerFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of a pointer, key by key, in the order in which they are written."""

    mlv: Literal[1]
    kind: Literal["file", "exec", "dir"]
    digest: DigestField
    size: _Size
    files: _Size | None = None
    tree_size: _Size | None = None


def format_pointer(data: Fingerprint) -> str:
    """Return the text of the pointer for a file or a directory.

    Raises:
        ValueError: It is the fingerprint of a symbolic link.
    """
    if data.kind == "link":
        message = "a symbolic link has no pointer"
        raise ValueError(message)
    keys = {"mlv": 1, "kind": data.kind, "digest": data.digest, "size": data.content_bytes}
    if data.kind == "dir":
        keys |= {"files": data.n_files, "tree_size": data.size_bytes}
    return _COMMENT + "".join(f"{key}: {value}\n" for key, value in keys.items())


def parse_pointer(data: bytes, name: str) -> Fingerprint:
    """Return what a pointer says that the data is.

    Args:
        data: Content of the pointer.
        name: What messages call it.

    Raises:
        UnreadableFileError: It is no pointer, or one of a newer mlv; the message
            begins with `name:line:`.
    """
    values: dict[str, str] = {}
    lines: dict[str, int] = {}
    for number, line in enumerate(_decode(data, name).splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise _refuse_line(name, number, line)
        key = match["key"]
        if key in values:
            message = f"{name}:{number}: {key!r} comes twice, first on line {lines[key]}"
            raise UnreadableFileError(message, hint=_hint(name))
        values[key], lines[key] = match["value"], number
    return _fingerprint(_convert(values, lines, name), name)


def pointer_path(data: RepoPath) -> RepoPath:
    """Return the path of the pointer of the data at a path.

    >>> pointer_path(RepoPath("data/train.csv"))
    'data/train.csv.mlv'
    """
    return RepoPath(f"{data}{POINTER_SUFFIX}")


def is_pointer_path(path: str) -> bool:
    """Tell whether a path is that of a pointer, going by its name.

    >>> [is_pointer_path(path) for path in ("data.mlv", ".mlv", "data/.mlv", "data")]
    [True, False, False, False]
    """
    name = path.rpartition("/")[2]
    return name.endswith(POINTER_SUFFIX) and name != POINTER_SUFFIX


def data_path(pointer: RepoPath) -> RepoPath:
    """Return the path of the data that a pointer at a path stands for."""
    return RepoPath(pointer.removesuffix(POINTER_SUFFIX))


def _decode(data: bytes, name: str) -> str:
    if len(data) > MAX_POINTER_BYTES:
        message = f"{name}:1: it is too large for a pointer"
        raise UnreadableFileError(message, hint=_NO_POINTER)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        message = f"{name}:1: it is not text, so it is no pointer"
        raise UnreadableFileError(message, hint=_NO_POINTER) from error


def _convert(values: dict[str, str], lines: dict[str, int], name: str) -> _PointerFile:
    if not values:
        message = f"{name}:1: it is empty, and a pointer says what its data is"
        raise UnreadableFileError(message, hint=_hint(name))
    if values.get("mlv", "1") != "1":
        message = f"{name}:{lines['mlv']}: format {values['mlv']!r} is unknown; this mlv knows '1'"
        raise UnreadableFileError(message, hint="upgrade mlv: `pip install --upgrade mlv`")
    try:
        return msgspec.convert(values, _PointerFile, strict=False)
    except msgspec.ValidationError as error:
        problem = str(error)
        field = _FIELD.search(problem) or _NAMED_FIELD.search(problem)
        line = lines.get(field[1], 1) if field else 1
        reason = _FIELD.sub("", problem).replace("`", "'").removeprefix("Object ")
        subject = f"{field[1]}: " if field and f"'{field[1]}'" not in reason else ""
        message = f"{name}:{line}: {subject}{reason[:1].lower()}{reason[1:]}"
        raise UnreadableFileError(message, hint=_hint(name)) from error


def _fingerprint(file: _PointerFile, name: str) -> Fingerprint:
    if file.kind != "dir":
        return Fingerprint(kind=file.kind, digest=file.digest, size_bytes=file.size)
    if file.files is None or file.tree_size is None:
        missing = "files" if file.files is None else "tree_size"
        message = f"{name}:1: the pointer of a directory needs the key {missing!r}"
        raise UnreadableFileError(message, hint=_hint(name))
    return Fingerprint(
        kind="dir",
        digest=file.digest,
        size_bytes=file.tree_size,
        n_files=file.files,
        total_bytes=file.size,
    )


def _refuse_line(name: str, number: int, line: str) -> UnreadableFileError:
    if line.startswith(_CONFLICT):
        data = name.removesuffix(POINTER_SUFFIX)
        message = f"{name}:{number}: a merge left its conflict here"
        hint = f"take one side with `git checkout --ours -- {name}`, or run `mlv track {data}`"
        return UnreadableFileError(message, hint=hint)
    message = f"{name}:{number}: expected 'key: value', found {line[:40]!r}"
    return UnreadableFileError(message, hint=_hint(name))


def _hint(name: str) -> str:
    return f"bring the pointer back with `git checkout -- {name}`, or make it anew: `mlv track`"
