"""Turn the packed points of several processes into series, and see which were rewound."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

from mlv.capture.journal.file import FLOAT_POINT, INT_FLAG
from mlv.capture.journal.frames import FileContent
from mlv.capture.journal.points import (
    MANY,
    Points,
    join,
    list_of_wholes,
    reorder,
    reorder_lists,
    select,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mlv.capture.journal.points import Wholes

_VALUE_AS_INTEGER = struct.Struct("<q")
_VALUE_AS_FLOAT = struct.Struct("<d")


class Rewind(msgspec.Struct, frozen=True, kw_only=True):
    """A process went back to a step.

    Attributes:
        file: Index of its file.
        n_points: How many points that file held then.
        time_ns: When.
        step: What was logged before, of this step and later ones, is hidden.
    """

    file: int
    n_points: int
    time_ns: int
    step: int


class Merged(msgspec.Struct, frozen=True, kw_only=True):
    """Series by name, of all processes together.

    Attributes:
        series: The points that count.
        hidden: Those that were rewound.
    """

    series: dict[str, Points]
    hidden: dict[str, Points]


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    """Points of one series in one file.

    Attributes:
        file: Index of the file.
        points: The points.
        times_ns: Exactly when each was logged, shape `(n,)`; decides the order between files.
        places: Index of each point in the file, shape `(n,)`; absent where nothing was rewound.
    """

    file: int
    points: Points
    times_ns: Wholes
    places: NDArray[np.intp] | None = None


def merge_points(contents: Sequence[FileContent]) -> Merged:
    """Return the series of several files; each keeps its order, and times decide between files."""
    rewinds = [
        Rewind(file=index, n_points=n_points, time_ns=event["time_ns"], step=event["data"]["step"])
        for index, content in enumerate(contents)
        for n_points, event in content.events
        if event["kind"] == "rewind"
    ]
    few = sum(content.n_points for content in contents) < MANY and not rewinds
    parts: dict[str, list[_Part]] = {}
    for index, content in enumerate(contents):
        split = _split_few(content, index) if few else _split_many(content, index)
        for number, part in split:
            name = content.names.get(number, f"series {number}")
            parts.setdefault(name, []).append(part)
    series = {name: _merge(each) for name, each in parts.items()}
    if not rewinds:
        return Merged(series=series, hidden={})
    masks = {name: [_find_hidden(part, rewinds) for part in each] for name, each in parts.items()}
    return Merged(
        series=_merge_chosen(parts, {n: [~mask for mask in each] for n, each in masks.items()}),
        hidden=_merge_chosen(parts, masks),
    )


def _merge_chosen(
    parts: Mapping[str, Sequence[_Part]], masks: Mapping[str, Sequence[NDArray[np.bool_]]]
) -> dict[str, Points]:
    """Return the points of each series that a mask holds for; series without any are absent."""
    merged = {
        name: _merge([_choose(part, mask) for part, mask in zip(each, masks[name], strict=True)])
        for name, each in parts.items()
    }
    return {name: points for name, points in merged.items() if len(points)}


def _choose(part: _Part, mask: NDArray[np.bool_]) -> _Part:
    import numpy as np

    return _Part(
        file=part.file,
        points=select(part.points, mask),
        times_ns=np.asarray(part.times_ns, np.int64)[mask],
    )


def _split_few(content: FileContent, file: int) -> Iterator[tuple[int, _Part]]:
    columns: dict[int, tuple[list[int], list[float], list[int]]] = {}
    for series, step, time_ns, value in FLOAT_POINT.iter_unpack(b"".join(content.points)):
        steps, values, times_ns = columns.setdefault(series & ~INT_FLAG, ([], [], []))
        number: float = value
        if series & INT_FLAG:
            # The same eight bytes, read as what they are.
            (number,) = _VALUE_AS_INTEGER.unpack(_VALUE_AS_FLOAT.pack(value))
        steps.append(step)
        values.append(number)
        times_ns.append(time_ns)
    for series, (steps, values, times_ns) in columns.items():
        times_us = [time_ns // 1_000 for time_ns in times_ns]
        points = Points(steps=steps, values=values, times_us=times_us)
        yield series, _Part(file=file, points=points, times_ns=times_ns)


def _split_many(content: FileContent, file: int) -> Iterator[tuple[int, _Part]]:
    import numpy as np

    layout = [("series", "<u4"), ("step", "<i8"), ("time_ns", "<i8"), ("value", "<f8")]
    rows = np.frombuffer(b"".join(content.points), np.dtype(layout))
    numbers = rows["series"] & np.uint32(~INT_FLAG & 0xFFFFFFFF)
    whole = rows["series"] >= np.uint32(INT_FLAG)
    # Sorting numbers of 16 bits is much quicker.
    small = numbers.astype(np.uint16) if len(content.names) < 1 << 16 else numbers
    order = np.argsort(small, kind="stable")
    ordered = numbers[order]
    limits = [0, *(np.flatnonzero(ordered[1:] != ordered[:-1]) + 1).tolist(), len(order)]
    for start, end in pairwise(limits if len(order) else ()):
        places = order[start:end]
        times_ns = rows["time_ns"][places]
        points = Points(
            steps=rows["step"][places],
            values=_values(rows["value"][places], whole[places]),
            times_us=times_ns // 1_000,
        )
        part = _Part(file=file, points=points, times_ns=times_ns, places=places)
        yield int(ordered[start]), part


def _values(
    raw: NDArray[np.float64], whole: NDArray[np.bool_]
) -> list[float] | NDArray[np.int64] | NDArray[np.float64]:
    import numpy as np

    if not whole.any():
        return raw
    wholes = raw.view(np.int64)
    if whole.all():
        return wholes
    mixed: list[float] = raw.tolist()
    for index in np.flatnonzero(whole).tolist():
        mixed[index] = int(wholes[index])
    return mixed


def _find_hidden(part: _Part, rewinds: Sequence[Rewind]) -> NDArray[np.bool_]:
    """Tell which points were logged before a rewind to their step or an earlier one."""
    import numpy as np

    steps = np.asarray(part.points.steps, np.int64)
    times_ns = np.asarray(part.times_ns, np.int64)
    hidden = np.zeros(len(steps), np.bool_)
    for rewind in rewinds:
        if rewind.file == part.file and part.places is not None:
            before = part.places < rewind.n_points
        else:
            before = times_ns < rewind.time_ns
        hidden |= before & (steps >= rewind.step)
    return hidden


def _merge(parts: Sequence[_Part]) -> Points:
    """Return points by time; those of one file keep their order, even where a clock went back."""
    parts = [part for part in parts if len(part.points)] or parts[:1]
    points = join([part.points for part in parts])
    if len(parts) == 1:
        return points
    if isinstance(points.steps, list):
        keys = [key for part in parts for key in _increasing(list_of_wholes(part.times_ns))]
        return reorder_lists(points, sorted(range(len(keys)), key=keys.__getitem__))
    import numpy as np

    maxima = [np.maximum.accumulate(np.asarray(part.times_ns, np.int64)) for part in parts]
    return reorder(points, np.argsort(np.concatenate(maxima), kind="stable"))


def _increasing(times_ns: Sequence[int]) -> Iterator[int]:
    newest = 0
    for time_ns in times_ns:
        newest = max(newest, time_ns)
        yield newest
