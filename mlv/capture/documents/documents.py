"""Read YAML, JSON and TOML files that users write, with limits, as plain values."""

from __future__ import annotations

import base64
import datetime as dt
import importlib
import json
import math
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from mlv.capture.documents.document_text import describe_value_error, read_text, refuse
from mlv.core.scalars import Scalar, scalar_of
from mlv.errors import UnreadableFileError

Plain = Scalar | bool | str | list["Plain"] | dict[str, "Plain"] | None
"""What JSON can hold, with text for NaN and the infinities."""

MAX_DEPTH = 100
"""How deep mappings and lists may lie in each other."""

MAX_VALUES = 1_000_000
"""How many values a document may hold once its aliases are written out."""

_TOML_PLACE = re.compile(r"(.*) \((?:at line (\d+), column (\d+)|at end of document)\)", re.DOTALL)


def read_document(path: Path, name: str) -> Plain:
    """Return what a YAML, JSON or TOML file holds, told apart by its suffix.

    Dates become ISO text, sets sorted lists, bytes base64 text, keys text.

    Args:
        path: The file.
        name: What messages call it.

    Raises:
        MissingFileError: There is no such file.
        StorageError: The file cannot be read.
        UnreadableFileError: The file is malformed, too large, nested too deeply, or
            neither YAML, JSON nor TOML.
    """
    return parse_document(read_text(path, name), name, path.suffix)


def parse_document(text: str, name: str, suffix: str) -> Plain:
    """Return what the text of a YAML, JSON or TOML file holds, as `read_document` does.

    Args:
        text: The text.
        name: What messages call the file.
        suffix: Tells the format, such as `.yaml`.

    Raises:
        UnreadableFileError: As for `read_document`.
    """
    suffix = suffix.lower()
    try:
        if suffix == ".json":
            return to_plain(_parse_json(text, name), name)
        if suffix == ".toml":
            return to_plain(_parse_toml(text, name), name)
        if suffix in (".yaml", ".yml"):
            from mlv.capture.documents.yaml_document import parse_yaml

            return to_plain(parse_yaml(text, name, max_depth=MAX_DEPTH), name)
    except RecursionError as error:
        raise UnreadableFileError(f"{name}: nested deeper than {MAX_DEPTH} levels") from error
    raise UnreadableFileError(
        f"{name}: {suffix or 'no suffix'!r} is neither YAML, JSON nor TOML",
        hint="name the file .yaml, .json or .toml",
    )


def to_plain(value: object, name: str) -> Plain:
    """Return a parsed value with JSON values only.

    Args:
        value: Whatever a parser returned.
        name: What messages call it.

    Raises:
        UnreadableFileError: It is too large, or nested too deeply.
    """
    return _Plainer(name).convert(value)


def _parse_json(text: str, name: str) -> object:
    def build(pairs: list[tuple[str, object]]) -> dict[str, object]:
        built = dict(pairs)
        if len(built) < len(pairs):
            names = [key for key, _ in pairs]
            twice = next(key for key in names if names.count(key) > 1)
            raise UnreadableFileError(f"{name}: duplicate key {twice!r}")
        return built

    try:
        return json.loads(text, object_pairs_hook=build)
    except json.JSONDecodeError as error:
        refuse(name, error.msg, line=error.lineno, column=error.colno, cause=error)
    except ValueError as error:  # an integer of thousands of digits
        raise UnreadableFileError(f"{name}: {describe_value_error(error)}") from error


def _parse_toml(text: str, name: str) -> object:
    toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        document: object = toml.loads(text)
    except ValueError as error:
        match = _TOML_PLACE.fullmatch(str(error))
        problem = match[1] if match else describe_value_error(error)
        end = text.count("\n") + 1
        line, column = (int(match[2]), int(match[3])) if match and match[2] else (end, 1)
        refuse(name, problem, line=line, column=column, cause=error)
    return document


class _Plainer:
    """Turns parsed values into plain ones, and counts them: aliases share, copies do not."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.n_values = 0

    def convert(self, value: object, depth: int = 0) -> Plain:
        self.n_values += 1
        if self.n_values > MAX_VALUES:
            raise UnreadableFileError(f"{self.name}: holds more than {MAX_VALUES} values")
        if depth > MAX_DEPTH:
            raise UnreadableFileError(f"{self.name}: nested deeper than {MAX_DEPTH} levels")
        if isinstance(value, Mapping):
            return self._convert_mapping(value, depth)
        if isinstance(value, list | tuple):
            return [self.convert(item, depth + 1) for item in value]
        if isinstance(value, set | frozenset):
            return [self.convert(item, depth + 1) for item in sorted(value, key=_key_text)]
        return _plain_scalar(value)

    def _convert_mapping(self, mapping: Mapping[object, object], depth: int) -> Plain:
        plain: dict[str, Plain] = {}
        for key, value in mapping.items():
            text = _key_text(key)
            if text in plain:
                raise UnreadableFileError(f"{self.name}: two keys read {text!r} as text")
            plain[text] = self.convert(value, depth + 1)
        return plain


def _plain_scalar(value: object) -> Plain:
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else scalar_of(value)
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value)


def _key_text(key: object) -> str:
    plain = _plain_scalar(key)
    return plain if isinstance(plain, str) else json.dumps(plain)
