"""Files, environment and flags, combined into one `Settings`."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import TypeVar

import msgspec

from mlv.core.settings import (
    CodeSetting,
    Local,
    MetricSetting,
    Project,
    Settings,
    StageSetting,
    Strict,
    ToleranceSetting,
)
from mlv.errors import UnreadableFileError
from mlv.git.discovery import find_git, store_directory

PROJECT_FILE = "mlv.yaml"
LOCAL_FILE = "config.yaml"

_UNKNOWN_FIELD = re.compile(r"Object contains unknown field `(.*?)`")
_PLACE = re.compile(r"at `\$\..*?(\w+)`$")
_PARTS: dict[type[Strict], tuple[type[Strict], ...]] = {
    Project: (Project, StageSetting, CodeSetting, MetricSetting, ToleranceSetting),
    Local: (Local,),
}

FileT = TypeVar("FileT", bound=Strict)


def load_settings(start: Path) -> Settings:
    """Return the settings for the repository that `start` lies in.

    Raises:
        UnreadableFileError: `mlv.yaml` or `.mlv/config.yaml` is malformed, or has a key
            that mlv does not know.
    """
    location = find_git(start)
    if location is None:
        return Settings()
    store = store_directory(location)
    return Settings(
        project=_load(location.root / PROJECT_FILE, PROJECT_FILE, Project),
        local=_load(store / LOCAL_FILE, f"{store.name}/{LOCAL_FILE}", Local),
    )


def _load(path: Path, name: str, file_type: type[FileT]) -> FileT:
    """Return what a file says; that it says nothing when it is not there."""
    if not path.is_file():
        return file_type()
    from mlv.capture.documents import read_document

    content = read_document(path, name)
    try:
        return msgspec.convert(content if content is not None else {}, file_type)
    except msgspec.ValidationError as error:
        raise _refuse(path, name, str(error), file_type) from error


def _refuse(path: Path, name: str, problem: str, file_type: type[Strict]) -> UnreadableFileError:
    match = _UNKNOWN_FIELD.search(problem)
    if match is None:
        place = _PLACE.search(problem)
        line = _line_of(path.read_text(), place.group(1)) if place else 1
        subject = f"{place.group(1)}: " if place else ""
        reason = problem.partition(" - at ")[0].replace("`", "")
        return UnreadableFileError(f"{name}:{line}: {subject}{reason[:1].lower()}{reason[1:]}")
    key = match.group(1)
    line = _line_of(path.read_text(), key)
    known = sorted({field for part in _PARTS[file_type] for field in part.__struct_fields__})
    nearest = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {nearest[0]!r}?" if nearest else f"known are {', '.join(known)}"
    return UnreadableFileError(f"{name}:{line}: unknown key {key!r}", hint=hint)


def _line_of(text: str, key: str) -> int:
    pattern = re.compile(rf"(^|[\s{{,'\"]){re.escape(key)}['\"]?\s*:")
    lines = text.splitlines()
    return next((n for n, line in enumerate(lines, 1) if pattern.search(line)), 1)
