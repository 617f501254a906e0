"""Read what the processes of a run logged, while they run or after they died."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from mlv.capture.journal.file import SERIES_DIRECTORY
from mlv.capture.journal.frames import Event, FileContent
from mlv.capture.journal.point_frames import merge_points
from mlv.capture.journal.points import Points
from mlv.core.scalars import scalar_of


class Resumption(msgspec.Struct, frozen=True, kw_only=True):
    """A run goes on from an earlier one.

    Attributes:
        run: Reference of the earlier run.
        step: Its points before this step count; None for the first step that this run
            logged, series by series.
    """

    run: str
    step: int | None


class Nested(msgspec.Struct, frozen=True, kw_only=True):
    """A run inside another, as its own journal describes it.

    Attributes:
        name: None where the script gave none.
        parent: Id of the run in which it was started, which may be nested itself.
        begun_ns: When it began, nanoseconds since 1970.
        ended_ns: When it ended; None while it goes on, or when nobody said so.
        failed: Whether it ended by an exception.
        signal: Number of the signal that ended it.
    """

    name: str | None
    parent: str | None = None
    begun_ns: int
    ended_ns: int | None = None
    failed: bool = False
    signal: int | None = None


class Journal(msgspec.Struct, frozen=True, kw_only=True):
    """All that was logged in a run.

    Attributes:
        series: Points by name, of all processes together.
        hidden: Points that the run went back behind, by name of the series.
        params: Nested, JSON values only, later ones over earlier ones.
        summary: Metrics without steps.
        artifacts: Absolute paths of files declared as outputs.
        tags, name, note: What the script said of the run; None where it did not.
        resumption: What the run goes on from.
        nested: Present in the journal of a run inside another.
        problems: What could not be logged, or not be read back.
    """

    series: dict[str, Points] = {}
    hidden: dict[str, Points] = {}
    params: dict[str, Any] = {}
    summary: dict[str, float] = {}
    artifacts: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    name: str | None = None
    note: str | None = None
    resumption: Resumption | None = None
    nested: Nested | None = None
    problems: tuple[str, ...] = ()


def read_journal(live: Path) -> Journal:
    """Return what has been logged so far; nothing when nothing was.

    A file that ends in the middle of a frame is read up to there.

    Args:
        live: Directory of the run.
    """
    contents, problems = _read_files(live)
    merged = merge_points(contents)
    folded = _fold(contents)
    return msgspec.structs.replace(
        folded,
        series=merged.series,
        hidden=merged.hidden,
        problems=(*folded.problems, *problems),
    )


def read_journal_events(live: Path) -> Journal:
    """Return the same as `read_journal`, but without points."""
    contents, problems = _read_files(live)
    folded = _fold(contents)
    return msgspec.structs.replace(folded, problems=(*folded.problems, *problems))


def find_journals(live: Path) -> list[Path]:
    """Return the files of a run's journal, one for each process that logged."""
    return sorted((live / SERIES_DIRECTORY).glob("*.wal"))


def _read_files(live: Path) -> tuple[list[FileContent], list[str]]:
    contents: list[FileContent] = []
    problems: list[str] = []
    for path in find_journals(live):
        content = FileContent()
        data = path.read_bytes()
        content.read(data)
        problems += _find_faults(path.name, content, len(data))
        contents.append(content)
    return contents, problems


def _fold(contents: Iterable[FileContent]) -> Journal:
    events = [event for content in contents for _, event in content.events]
    return fold_events(sorted(events, key=lambda event: int(event["time_ns"])))


def _find_faults(name: str, content: FileContent, size_bytes: int) -> list[str]:
    if content.foreign:
        return [f"{name} was logged by another version of mlv, and is not read"]
    if not size_bytes:
        return [f"the disk took nothing of what was logged in {name}"]
    problems = []
    if content.end != size_bytes:
        problems.append(f"the last {size_bytes - content.end} bytes logged in {name} are damaged")
    n_points, n_events = content.lost
    if n_points or n_events:
        problems.append(
            f"the disk did not take {n_points} points and {n_events} other entries of {name}"
        )
    return problems


def fold_events(events: Iterable[Event]) -> Journal:
    """Return what events, oldest first, amount to; the journal has no series."""
    params: dict[str, Any] = {}
    summary: dict[str, float] = {}
    lists: dict[str, list[str]] = {"tags": [], "artifact": [], "problem": []}
    texts: dict[str, str] = {}
    dropped: list[str] = []
    others: dict[str, Event] = {}
    for event in events:
        kind, data = event["kind"], event["data"]
        if kind == "params":
            _merge_params(params, _finite(data))
        elif kind == "summary":
            dropped += _add_summary(summary, data)
        elif kind in ("name", "note"):
            texts[kind] = str(data)
        elif kind in lists:
            lists[kind] += data if isinstance(data, list) else [data]
        else:
            others[kind] = event
    return Journal(
        params=params,
        summary=summary,
        artifacts=tuple(dict.fromkeys(lists["artifact"])),
        tags=tuple(dict.fromkeys(lists["tags"])),
        name=texts.get("name"),
        note=texts.get("note"),
        resumption=_resumption(others),
        nested=_nested(others),
        problems=tuple(dict.fromkeys((*lists["problem"], *dropped))),
    )


def _resumption(events: dict[str, Event]) -> Resumption | None:
    if "resume" not in events:
        return None
    data = events["resume"]["data"]
    return Resumption(run=data["run"], step=data["step"])


def _nested(events: dict[str, Event]) -> Nested | None:
    if "begin" not in events:
        return None
    begin = events["begin"]["data"]
    end = events["end"]["data"] if "end" in events else {}
    return Nested(
        name=begin.get("name"),
        parent=begin.get("parent"),
        begun_ns=begin["time_ns"],
        ended_ns=end.get("time_ns"),
        failed=bool(end.get("failed")),
        signal=end.get("signal"),
    )


def _add_summary(summary: dict[str, float], values: dict[str, Any]) -> list[str]:
    """Add the numbers; return what is to be said of the rest."""
    problems = []
    for name, value in values.items():
        if isinstance(value, int | float):
            summary[name] = int(value) if isinstance(value, bool) else value
        else:
            problems.append(f"summary {name!r} is no number, so it is not kept")
    return problems


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
