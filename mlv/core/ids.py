"""Ids and readable names of runs.

An id is a ULID in lower case, so that ids sort by time.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from typing import Annotated, NewType

import msgspec

from mlv.core.ulid import encode_ulid

RunId = NewType("RunId", str)
"""A run's id: 26 lower-case digits of Crockford's base 32."""

RUN_ID_PATTERN = r"^[0-7][0-9a-hjkmnp-tv-z]{25}\Z"

RunIdField = Annotated[RunId, msgspec.Meta(pattern=RUN_ID_PATTERN)]
"""A `RunId` that msgspec checks when it decodes a record."""

_RUN_ID = re.compile(RUN_ID_PATTERN)
_SHORTEST_PREFIX = 7

_ADJECTIVES = (
    "amber bold brave brisk calm clear clever cosmic crisp dapper deft eager early fair fleet fond "
    "fresh gentle glad golden grand hardy hazel honest jolly keen kind lively lucid lucky lunar "
    "mellow merry mild misty neat nimble noble plucky polar proud quick quiet rapid rosy royal "
    "rustic sage serene silent silver sleek smart snowy solar steady stellar sunny swift tidy "
    "vivid warm wise"
).split()
_NOUNS = (
    "acorn badger beacon birch brook canyon cedar comet coral crane delta dune ember falcon fern "
    "finch fjord forest fox galaxy garnet glacier grove harbor hawk heron island ivy jasper "
    "kestrel lagoon lark lynx maple marten meadow meteor moss nebula newt oak orchid osprey otter "
    "pebble pine plover prairie quartz raven reef river robin sparrow spruce summit swan thistle "
    "tiger tundra walnut willow wren"
).split()


def format_run_id(time_ms: int, randomness: bytes) -> RunId:
    """Return the id of a run that began at `time_ms`, milliseconds since 1970.

    Args:
        time_ms: Below 2**48.
        randomness: Exactly 10 bytes.

    Raises:
        ValueError: One of them is out of range.
    """
    return RunId(encode_ulid(time_ms, randomness))


def parse_run_id(text: str) -> RunId:
    """Return `text` as a run id.

    Raises:
        ValueError: `text` is not a lower-case ULID.
    """
    if not _RUN_ID.fullmatch(text):
        message = f"{text!r} is not a run id"
        raise ValueError(message)
    return RunId(text)


def format_run_name(randomness: int, taken: Iterable[str] = ()) -> str:
    """Return a readable name such as `calm-otter` that is not in `taken`.

    Args:
        randomness: Any non-negative number; equal numbers give equal names.
        taken: Names in use.
    """
    used = frozenset(taken)
    n_names = len(_ADJECTIVES) * len(_NOUNS)
    for attempt in itertools.count():
        serial, index = divmod(attempt, n_names)
        adjective, noun = divmod((randomness + index) % n_names, len(_NOUNS))
        name = f"{_ADJECTIVES[adjective]}-{_NOUNS[noun]}" + (f"-{serial + 1}" if serial else "")
        if name not in used:
            return name
    raise AssertionError("unreachable: there are endless names")


def shorten_ids(ids: Iterable[RunId]) -> dict[RunId, str]:
    """Return the shortest prefix of each id that no other id shares.

    Prefixes have at least 7 characters, so that they stay the same for a while.
    """
    ordered = sorted(ids)
    shared = [0, *itertools.starmap(_n_shared, itertools.pairwise(ordered)), 0]
    return {
        run_id: run_id[: max(_SHORTEST_PREFIX, shared[i] + 1, shared[i + 1] + 1)]
        for i, run_id in enumerate(ordered)
    }


def _n_shared(a: str, b: str) -> int:
    for index, (left, right) in enumerate(zip(a, b, strict=True)):
        if left != right:
            return index
    return len(a)
