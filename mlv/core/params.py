"""Params of a run as one flat table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from mlv.core.run import ParamSource

ParamValue = Any
"""A JSON value: number, text, truth value, null, or a list."""


class Param(msgspec.Struct, frozen=True, kw_only=True):
    """A named value that was set before the run, and the source it came from."""

    value: ParamValue
    source: str


def flatten_params(sources: Iterable[ParamSource]) -> dict[str, Param]:
    """Return the params of all sources under dotted names, sorted by name.

    Sources are taken in the order in which they are recorded: files, then flags
    of the command, then calls of the API. A later one hides an earlier one.

    >>> sources = [ParamSource(name="params.yaml", values={"train": {"lr": 0.1}})]
    >>> flatten_params(sources)["train.lr"].value
    0.1
    """
    flat = {
        name: Param(value=value, source=source.name)
        for source in sources
        for name, value in _leaves(source.values, "")
    }
    return dict(sorted(flat.items()))


def _leaves(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, ParamValue]]:
    for key, value in values.items():
        name = prefix + key.replace("\\", "\\\\").replace(".", "\\.")
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{name}.")
        else:
            yield name, value
