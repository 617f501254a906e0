"""Turn the paths that a person typed into tracked data, or parts of it."""

from __future__ import annotations

import difflib
import glob
from collections.abc import Sequence
from pathlib import Path

import msgspec

from mlv.app.data.pointers import Pointers
from mlv.app.data.problems import raise_problems
from mlv.app.workspace import Workspace
from mlv.core.paths import RepoPath, is_below
from mlv.core.pointer import data_path, is_pointer_path
from mlv.errors import MissingFileError, MlvError, WorktreeError
from mlv.worktree.paths import is_inside, repo_path


class Selected(msgspec.Struct, frozen=True, kw_only=True):
    """Tracked data, or a part of it.

    Attributes:
        path: What was asked for.
        owner: The tracked path that it is, or lies in.
    """

    path: RepoPath
    owner: RepoPath

    @property
    def whole(self) -> bool:
        """Whether it is all of the tracked path."""
        return self.path == self.owner


def select_data(
    workspace: Workspace, words: Sequence[Path], pointers: Pointers, *, where: str = ""
) -> tuple[Selected, ...]:
    """Return what `words` mean, sorted by path; everything when there are none.

    Args:
        workspace: Where.
        words: Data, pointers, parts of tracked directories, directories that hold
            pointers, and patterns of them; relative ones from the current directory.
        pointers: Among which to look.
        where: Said after "no tracked data", such as ` at v1.0`.

    Raises:
        MissingFileError, WorktreeError: Some mean nothing; all problems are named.
        UnreadableFileError: A pointer that is needed cannot be read.
    """
    known = sorted([*pointers.data, *pointers.broken])
    chosen: dict[RepoPath, Selected] = {}
    problems: list[MlvError] = []
    for word in words:
        try:
            chosen |= {each.path: each for each in _select(workspace, word, pointers, known, where)}
        except MlvError as error:
            problems.append(error)
    raise_problems(problems)
    if not words:
        chosen = {path: Selected(path=path, owner=path) for path in known}
    outermost = [
        each
        for path, each in sorted(chosen.items())
        if not any(is_below(path, other) for other in chosen if other != path)
    ]
    pointers.require_sound(dict.fromkeys(each.owner for each in outermost))
    return tuple(outermost)


def _select(
    workspace: Workspace, word: Path, pointers: Pointers, known: Sequence[RepoPath], where: str
) -> list[Selected]:
    path = repo_path(workspace.root, word)
    if not is_inside(path):
        message = f"{path!r} is outside the repository"
        raise WorktreeError(message, hint="see what is tracked with `mlv status`")
    if is_pointer_path(path) and data_path(path) in known:
        path = data_path(path)
    owner = pointers.covering(path)
    if owner is not None:
        return [Selected(path=path, owner=owner)]
    inside = [each for each in known if is_below(each, path)]
    if not inside and glob.has_magic(str(word)):
        inside = [each for each in known if Path(each).match(path)]
    if inside:
        return [Selected(path=each, owner=each) for each in inside]
    nearest = difflib.get_close_matches(path, known, n=1)
    hint = f"did you mean {nearest[0]!r}?" if nearest else "see what is tracked with `mlv status`"
    message = f"there is no tracked data at {path!r}{where}"
    raise MissingFileError(message, hint=hint)
