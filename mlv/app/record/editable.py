"""The commits of packages that a command imports from source trees of their own."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec

from mlv.core.environment import Distribution, Interpreter
from mlv.errors import MlvError
from mlv.git.discovery import GitLocation, find_git
from mlv.git.source_state import SourceState, read_source_state


def find_source(distribution: Distribution) -> Path | None:
    """Return the directory that a package was installed from, None when it was none."""
    if distribution.source is None or not distribution.source.startswith("file:"):
        return None
    return Path(unquote(urlsplit(distribution.source).path))


def add_commits(interpreter: Interpreter, recorded: Path) -> Interpreter:
    """Add commit and state of its source tree to each editable package.

    Costs one Git process for each repository. Packages of the repository that is being
    recorded have no need of it: its code is recorded as such.

    Args:
        interpreter: What is installed.
        recorded: Root of the worktree that is being recorded.
    """
    sources = {each.name: find_source(each) for each in interpreter.distributions if each.editable}
    if not sources:
        return interpreter
    own = find_git(recorded)
    states: dict[Path, SourceState | None] = {}
    found = {}
    for each in interpreter.distributions:
        source = sources.get(each.name)
        place = None if source is None or not source.is_dir() else find_git(source)
        if source is None or place is None or (own and place.common_dir == own.common_dir):
            continue
        if place.root not in states:
            states[place.root] = _read_state(place)
        state = states[place.root]
        if state is not None:
            inside = str(source.resolve().relative_to(place.root))
            found[each.name] = msgspec.structs.replace(
                each, commit=state.commit, dirty=state.is_changed_below(inside)
            )
    distributions = tuple(found.get(each.name, each) for each in interpreter.distributions)
    return msgspec.structs.replace(interpreter, distributions=distributions)


def _read_state(place: GitLocation) -> SourceState | None:
    try:
        return read_source_state(place.root)
    except MlvError:  # a repository that is not ours to look into
        return None
