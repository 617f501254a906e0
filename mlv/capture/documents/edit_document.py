"""Change one value in the text of a YAML, JSON or TOML file, and nothing else.

Comments, order and format stay. The changed text is read again: only when it holds exactly
what it should is it returned.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec

from mlv.capture.documents.documents import Plain, parse_document
from mlv.capture.documents.value_places import Place, find_place
from mlv.errors import UnreadableFileError, UsageError


def parse_value(text: str) -> Plain:
    """Return the value that a person typed, read as YAML: a scalar or a list.

    >>> [parse_value(text) for text in ("0.1", "adam", "[1, 2]", "true", "")]
    [0.1, 'adam', [1, 2], True, None]

    Raises:
        UsageError: It is a mapping, or no YAML.
    """
    try:
        document = parse_document(text, "the value", ".yaml")
    except UnreadableFileError as error:
        raise UsageError(error.message, hint="quote it as YAML text") from error
    if isinstance(document, dict):
        message = f"a value is a scalar or a list, and {text!r} is a mapping"
        raise UsageError(message, hint="set its keys one by one, as GROUP.KEY=VALUE")
    return document


def set_value(text: str, name: str, suffix: str, keys: Sequence[str], typed: str) -> str:
    """Return the text of a file in which one value is another.

    Args:
        text: The whole text.
        name: What messages call the file.
        suffix: Tells the format, such as `.yaml`.
        keys: The nested keys of the value, which is there.
        typed: The new value, as a person typed it.

    Raises:
        UsageError: The value cannot be changed without changing anything else.
        UnreadableFileError: The file is malformed.
    """
    value = parse_value(typed)
    before = parse_document(text, name, suffix)
    wanted = _encode(_replaced(before, keys, value))
    if _encode(before) == wanted:
        return text
    place = find_place(text, suffix.lower(), keys)
    if place is not None:
        for candidate in _candidates(typed, value, suffix.lower()):
            changed = _put(text, place, candidate)
            if _holds(changed, name, suffix, wanted):
                return changed
    message = f"{'.'.join(keys)!r} cannot be set in {name!r} without changing more than that"
    raise UsageError(message, hint=f"edit {name} yourself")


def _replaced(document: Plain, keys: Sequence[str], value: Plain) -> Plain:
    if not keys:
        return value
    inner: dict[str, Any] = dict(document) if isinstance(document, dict) else {}
    inner[keys[0]] = _replaced(inner.get(keys[0]), keys[1:], value)
    return inner


def _candidates(typed: str, value: Plain, suffix: str) -> list[str]:
    """Return ways to write the value, the person's own first."""
    own = [typed.strip()] if "#" not in typed and "\n" not in typed else []
    written = _dump_toml(value) if suffix == ".toml" else json.dumps(value, ensure_ascii=False)
    return [*own, written, json.dumps(value)] if written else own


def _dump_toml(value: Plain) -> str:
    """Return a value as TOML, which has no null."""
    if isinstance(value, list):
        return f"[{', '.join(map(_dump_toml, value))}]"
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _put(text: str, place: Place, candidate: str) -> str:
    return f"{text[: place.begin]}{place.before}{candidate}{place.after}{text[place.end :]}"


def _holds(text: str, name: str, suffix: str, wanted: bytes) -> bool:
    try:
        return _encode(parse_document(text, name, suffix)) == wanted
    except UnreadableFileError:
        return False


def _encode(document: Plain) -> bytes:
    """Return bytes that differ when a type does: `1` is not `1.0`."""
    return msgspec.json.encode(document, order="sorted")
