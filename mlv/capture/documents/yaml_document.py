"""YAML with limits: no code, no duplicate keys, no bombs; `1e-3` is a number.

Loaded only when there is a YAML file to read: importing PyYAML takes a while.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn, cast

import yaml

from mlv.capture.documents.document_text import describe_value_error, refuse
from mlv.errors import UnreadableFileError

if TYPE_CHECKING:
    from yaml import SafeLoader as _FastLoader
else:
    _FastLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_MAX_MERGED_KEYS = 100_000
_UNKNOWN_TAG = re.compile(r"could not determine a constructor for the tag (.+)")

_EXPONENT = re.compile(r"[-+]?(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)[eE][-+]?[0-9]+\Z")
"""YAML 1.1, and so PyYAML, wants a dot and a sign in a float with an exponent, and takes
`1e-3` for text. YAML 1.2 and every user take it for a number.

Source: https://yaml.org/spec/1.2.2/#1032-tag-resolution
"""


def parse_yaml(text: str, name: str, *, max_depth: int) -> object:
    """Return what a YAML document holds; an empty one holds None.

    Aliases share one object, so a document can be far larger written out than in
    memory: whoever copies it must count.

    Raises:
        UnreadableFileError: The text is malformed, has a key twice, or is nested
            deeper than `max_depth`.
    """
    try:
        _check_structure(text, name, max_depth)
        return yaml.load(text, _Loader)  # noqa: S506 - a safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context or "malformed"
        if problem == "but found another document":
            problem = "several documents in one file: keep one"
        problem = _in_plain_words(problem)
        if mark is None:
            raise UnreadableFileError(f"{name}: {problem}") from error
        refuse(name, problem, line=mark.line + 1, column=mark.column + 1, cause=error)
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        column = error.position - (before.rfind("\n") + 1) + 1
        line = before.count("\n") + 1
        refuse(name, "a character that YAML forbids", line=line, column=column, cause=error)
    except (yaml.YAMLError, ValueError, TypeError) as error:
        problem = describe_value_error(error)
        raise UnreadableFileError(f"{name}: {problem}") from error


def _in_plain_words(problem: str) -> str:
    tag = _UNKNOWN_TAG.search(problem)
    return problem if tag is None else f"a tag that mlv does not read: {tag[1]}"


class _Open:
    """A collection that the parser is inside of, and the keys that it has so far."""

    def __init__(self, event: yaml.Event) -> None:
        self.is_mapping = isinstance(event, yaml.MappingStartEvent)
        self.n_nodes = 0
        self.lines: dict[str, int] = {}

    def add(self, event: yaml.Event, name: str) -> None:
        self.n_nodes += 1
        is_key = self.is_mapping and self.n_nodes % 2 == 1
        if not is_key or not isinstance(event, yaml.ScalarEvent):
            return
        if event.value == "<<" and event.implicit[0]:
            return
        if event.value in self.lines:
            first = self.lines[event.value]
            _refuse_at(event, name, f"duplicate key {event.value!r}, first on line {first}")
        self.lines[event.value] = _mark_of(event).line + 1


def _check_structure(text: str, name: str, max_depth: int) -> None:
    """Refuse nesting that is too deep, and keys that come twice in one mapping.

    Composing recurses, in C; events do not. So the depth is known before it can hurt.
    """
    open_nodes: list[_Open] = []
    for event in yaml.parse(text, _FastLoader):
        if isinstance(event, yaml.NodeEvent) and open_nodes:
            open_nodes[-1].add(event, name)
        if isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append(_Open(event))
            if len(open_nodes) > max_depth:
                _refuse_at(event, name, f"nested deeper than {max_depth} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            open_nodes.pop()


def _refuse_at(event: yaml.Event, name: str, problem: str) -> NoReturn:
    mark = _mark_of(event)
    refuse(name, problem, line=mark.line + 1, column=mark.column + 1)


def _mark_of(event: yaml.Event) -> yaml.Mark:
    return cast("yaml.Mark", event.start_mark)  # the parser always sets it


class _Loader(_FastLoader):
    """PyYAML's safe loader, with a limit on merged keys."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        super().flatten_mapping(node)
        if len(node.value) > _MAX_MERGED_KEYS:
            problem = f"more than {_MAX_MERGED_KEYS} merged keys"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _EXPONENT, list("-+.0123456789"))
