"""Read what the processes of a run logged, while they run or after they died."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from mlv.capture.journal_file import FLOAT_POINT, FRAME, INT_FLAG, KEY, SERIES_DIRECTORY
from mlv.core.scalars import scalar_of

_VALUE_AS_INTEGER = struct.Struct("<q")
_VALUE_AS_FLOAT = struct.Struct("<d")


class Points(msgspec.Struct, frozen=True, kw_only=True):
    """A metric over steps, in the order in which it was logged.

    Attributes:
        steps: Shape `(n,)`.
        values: Shape `(n,)`; whole numbers stay whole.
        times_s: Shape `(n,)`, seconds; shape `(0,)` where no times are known.
    """

    steps: list[int]
    values: list[float]
    times_s: list[float] = []


class Journal(msgspec.Struct, frozen=True, kw_only=True):
    """All that was logged in a run.

    Attributes:
        series: Points by name, of all processes together.
        params: Nested, JSON values only, later ones over earlier ones.
        summary: Metrics without steps.
        artifacts: Absolute paths of files declared as outputs.
        tags, name, note: What the script said of the run; None where it did not.
        problems: What could not be logged, or not be read back.
    """

    series: dict[str, Points] = {}
    params: dict[str, Any] = {}
    summary: dict[str, float] = {}
    artifacts: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    name: str | None = None
    note: str | None = None
    problems: tuple[str, ...] = ()


class _Column:
    """Points of one series in one file."""

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.times_ns: list[int] = []
        self.values: list[float] = []


class _FileContent:
    """What one process wrote."""

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        self.columns: dict[int, _Column] = {}
        self.events: list[dict[str, Any]] = []


def read_journal(live: Path, *, since_ns: int = 0) -> Journal:
    """Return what has been logged so far; nothing when nothing was.

    A file that ends in the middle of a frame is read up to there.

    Args:
        live: Directory of the run.
        since_ns: Moment that times are counted from, nanoseconds since 1970.
    """
    contents: list[_FileContent] = []
    problems: list[str] = []
    for path in sorted((live / SERIES_DIRECTORY).glob("*.wal")):
        content = _FileContent()
        data = path.read_bytes()
        end = 0
        for payload in _read_frames(data):
            end += FRAME.size + len(payload)
            _add_payload(content, payload)
        if end != len(data):
            problems.append(f"the last {len(data) - end} bytes logged in {path.name} are damaged")
        contents.append(content)
    events = [event for content in contents for event in content.events]
    events.sort(key=lambda event: int(event["time_ns"]))
    return _fold_events(events, _merge_series(contents, since_ns), problems)


def _read_frames(data: bytes) -> Iterator[bytes]:
    position = 0
    while position + FRAME.size < len(data):
        length, checksum = FRAME.unpack_from(data, position)
        start = position + FRAME.size
        payload = data[start : start + length]
        if not length or len(payload) < length or zlib.crc32(payload) != checksum:
            return
        yield payload
        position = start + length


def _add_payload(content: _FileContent, payload: bytes) -> None:
    kind, body = payload[:1], payload[1:]
    if kind == b"P":
        _add_points(content, body)
    elif kind == b"K":
        content.names[KEY.unpack_from(body)[0]] = body[KEY.size :].decode()
    elif kind == b"E":
        content.events.append(json.loads(body))


def _add_points(content: _FileContent, body: bytes) -> None:
    for series, step, time_ns, value in FLOAT_POINT.iter_unpack(body):
        number: float = value
        if series & INT_FLAG:
            # The same eight bytes, read as what they are.
            (number,) = _VALUE_AS_INTEGER.unpack(_VALUE_AS_FLOAT.pack(value))
        column = content.columns.get(series & ~INT_FLAG)
        if column is None:
            column = content.columns[series & ~INT_FLAG] = _Column()
        column.steps.append(step)
        column.times_ns.append(time_ns)
        column.values.append(number)


def _merge_series(contents: list[_FileContent], since_ns: int) -> dict[str, Points]:
    parts: dict[str, list[_Column]] = {}
    for content in contents:
        for series, column in content.columns.items():
            parts.setdefault(content.names[series], []).append(column)
    return {name: _merge_columns(columns, since_ns) for name, columns in parts.items()}


def _merge_columns(columns: list[_Column], since_ns: int) -> Points:
    if len(columns) == 1:
        (only,) = columns
        rows = list(zip(only.times_ns, only.steps, only.values, strict=True))
    else:
        rows = [
            row
            for column in columns
            for row in zip(column.times_ns, column.steps, column.values, strict=True)
        ]
        rows.sort(key=lambda row: row[0])
    return Points(
        steps=[step for _, step, _ in rows],
        values=[value for _, _, value in rows],
        times_s=[(time_ns - since_ns) / 1e9 for time_ns, _, _ in rows],
    )


def _fold_events(
    events: list[dict[str, Any]], series: dict[str, Points], problems: list[str]
) -> Journal:
    params: dict[str, Any] = {}
    summary: dict[str, float] = {}
    lists: dict[str, list[str]] = {"tags": [], "artifact": [], "problem": []}
    texts: dict[str, str] = {}
    for event in events:
        kind, data = event["kind"], event["data"]
        if kind == "params":
            _merge_params(params, _finite(data))
        elif kind == "summary":
            summary |= {name: value for name, value in data.items() if _is_number(value)}
        elif kind in ("name", "note"):
            texts[kind] = str(data)
        elif kind in lists:
            lists[kind] += data if isinstance(data, list) else [data]
    return Journal(
        series=series,
        params=params,
        summary=summary,
        artifacts=tuple(dict.fromkeys(lists["artifact"])),
        tags=tuple(dict.fromkeys(lists["tags"])),
        name=texts.get("name"),
        note=texts.get("note"),
        problems=(*lists["problem"], *problems),
    )


def _merge_params(target: dict[str, Any], source: dict[str, Any]) -> None:
    for name, value in source.items():
        if isinstance(value, dict) and isinstance(target.get(name), dict):
            _merge_params(target[name], value)
        else:
            target[name] = value


def _finite(value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return a JSON value with text in place of NaN and the infinities, as records hold it."""
    if isinstance(value, float):
        return scalar_of(value)
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    return [_finite(inner) for inner in value] if isinstance(value, list) else value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
