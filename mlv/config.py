"""Files, environment and flags, combined into one `Settings`."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

import msgspec

from mlv.core.settings import MetricSetting, Project, Settings, ToleranceSetting
from mlv.errors import UnreadableFileError
from mlv.git.discovery import find_git

PROJECT_FILE = "mlv.yaml"

_UNKNOWN_FIELD = re.compile(r"Object contains unknown field `(.*?)`")
_PLACE = re.compile(r"at `\$\..*?(\w+)`$")
_KNOWN_KEYS = sorted(
    {name for part in (Project, MetricSetting, ToleranceSetting) for name in part.__struct_fields__}
)


def load_settings(start: Path) -> Settings:
    """Return the settings for the repository that `start` lies in.

    Raises:
        UnreadableFileError: `mlv.yaml` is malformed, or has a key that mlv does not know.
    """
    location = find_git(start)
    if location is None or not (location.root / PROJECT_FILE).is_file():
        return Settings()
    return Settings(project=load_project(location.root / PROJECT_FILE))


def load_project(path: Path) -> Project:
    """Return what a project's `mlv.yaml` says.

    Raises:
        UnreadableFileError: It is malformed, or has a key that mlv does not know.
    """
    from mlv.capture.documents import read_document

    content = read_document(path, path.name)
    try:
        return msgspec.convert(content if content is not None else {}, Project)
    except msgspec.ValidationError as error:
        raise _refuse(path, str(error)) from error


def _refuse(path: Path, problem: str) -> UnreadableFileError:
    match = _UNKNOWN_FIELD.search(problem)
    if match is None:
        place = _PLACE.search(problem)
        line = _line_of(path.read_text(), place.group(1)) if place else 1
        name = f"{place.group(1)}: " if place else ""
        reason = problem.partition(" - at ")[0].replace("`", "")
        return UnreadableFileError(f"{path.name}:{line}: {name}{reason[:1].lower()}{reason[1:]}")
    key = match.group(1)
    line = _line_of(path.read_text(), key)
    nearest = difflib.get_close_matches(key, _KNOWN_KEYS, n=1)
    hint = f"did you mean {nearest[0]!r}?" if nearest else f"known are {', '.join(_KNOWN_KEYS)}"
    return UnreadableFileError(f"{path.name}:{line}: unknown key {key!r}", hint=hint)


def _line_of(text: str, key: str) -> int:
    pattern = re.compile(rf"(^|[\s{{,'\"]){re.escape(key)}['\"]?\s*:")
    lines = text.splitlines()
    return next((n for n, line in enumerate(lines, 1) if pattern.search(line)), 1)
