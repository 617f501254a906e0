"""Where in the text of a YAML, JSON or TOML file the value of a key stands.

A place is a guess that the caller verifies, by reading what the changed text holds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_JSON_SPACE = re.compile(r"[ \t\r\n]*")
_TOML_HEADER = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(?:#.*)?")
_TOML_KEY = re.compile(
    r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*="""
)
_TOML_PART = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")
_COMMENT = re.compile(r"[ \t]*(#.*)?")


class Place(NamedTuple):
    """Characters of a text: what stands there, and what must stand around a new value."""

    begin: int
    end: int
    before: str = ""
    after: str = ""


def find_place(text: str, suffix: str, keys: Sequence[str]) -> Place | None:
    """Return where the value at nested `keys` stands, None when that cannot be told."""
    if suffix == ".json":
        return _find_in_json(text, keys)
    return _find_in_toml(text, keys) if suffix == ".toml" else _find_in_yaml(text, keys)


def _find_in_yaml(text: str, keys: Sequence[str]) -> Place | None:
    import yaml

    node = yaml.compose(text, yaml.SafeLoader)  # in Python: its marks count characters
    for key in keys:
        if not isinstance(node, yaml.MappingNode):
            return None
        found = [value for name, value in node.value if name.value == key]
        if not found:  # such as one that a merge brings
            return None
        node = found[-1]
    if isinstance(node, yaml.ScalarNode):
        begin, end = node.start_mark.index, node.end_mark.index
        if begin == end:  # `key:`
            return Place(begin, end, before=" ")
        return Place(begin, end, after="\n" if node.style in ("|", ">") else "")
    if isinstance(node, yaml.SequenceNode):
        return Place(node.start_mark.index, _end_of(node))
    return None


def _end_of(node: object) -> int:
    """Return where a node of YAML ends; that of a block collection is where the next begins."""
    import yaml

    if isinstance(node, yaml.SequenceNode) and not node.flow_style and node.value:
        return _end_of(node.value[-1])
    if isinstance(node, yaml.MappingNode) and not node.flow_style and node.value:
        return _end_of(node.value[-1][1])
    return int(node.end_mark.index) if isinstance(node, yaml.Node) else 0


def _find_in_json(text: str, keys: Sequence[str]) -> Place | None:
    decoder = json.JSONDecoder()
    position = _skip_space(text, 0)
    for key in keys:
        if text[position : position + 1] != "{":
            return None
        for name, place in _json_members(text, position + 1, decoder):
            if name == key:
                position = place
                break
        else:
            return None
    return Place(position, decoder.raw_decode(text, position)[1])


def _json_members(text: str, position: int, decoder: json.JSONDecoder) -> Iterator[tuple[str, int]]:
    """Yield the keys of an object that begins before `position`, and where their values are."""
    position = _skip_space(text, position)
    while text[position] == '"':
        name, position = decoder.raw_decode(text, position)
        position = _skip_space(text, _skip_space(text, position) + 1)
        yield name, position
        position = _skip_space(text, decoder.raw_decode(text, position)[1])
        position = _skip_space(text, position + 1) if text[position] == "," else position


def _skip_space(text: str, position: int) -> int:
    match = _JSON_SPACE.match(text, position)
    return match.end() if match else position


def _find_in_toml(text: str, keys: Sequence[str]) -> Place | None:
    table: list[str] = []
    position = 0
    for line in text.splitlines(keepends=True):
        header = _TOML_HEADER.fullmatch(line.rstrip("\r\n"))
        key = _TOML_KEY.match(line)
        if line.lstrip().startswith("[[") or header:
            table = _toml_parts(header[1]) if header else [""]  # no key leads into an array
        elif key and [*table, *_toml_parts(key[1])] == list(keys):
            begin = position + key.end()
            begin += len(text[begin:]) - len(text[begin:].lstrip(" \t"))
            end = _end_of_toml_value(text, begin)
            return None if end is None else Place(begin, end)
        position += len(line)
    return None


def _end_of_toml_value(text: str, begin: int) -> int | None:
    """Return the first place where a whole value ends, with nothing but a comment after it."""
    import importlib
    import sys

    toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    for match in re.finditer(r"(?=[ \t]*(?:#|\r?\n|\Z))", text[begin:]):
        end = begin + match.start()
        try:
            toml.loads(f"x = {text[begin:end]}\n")
        except ValueError:
            continue
        return end
    return None


def _toml_parts(dotted: str) -> list[str]:
    return [part.strip("\"'") for part in _TOML_PART.findall(dotted)]
