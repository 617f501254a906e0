"""Turn the paths that a person typed into data to track; refuse what cannot be tracked."""

from __future__ import annotations

import difflib
import glob
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from mlv.app.data.pointers import Pointers
from mlv.app.data.problems import raise_problems
from mlv.app.reporter import Reporter
from mlv.app.workspace import Workspace
from mlv.core.enumeration import enumerate_some
from mlv.core.paths import RepoPath, is_below, parents_of
from mlv.core.pointer import POINTER_SUFFIX, data_path, is_pointer_path, pointer_path
from mlv.errors import GitError, MissingFileError, MlvError, UsageError, WorktreeError
from mlv.git.pointers import list_ignored_by_rule, list_in_index
from mlv.worktree.links import find_shared_object
from mlv.worktree.paths import is_inside, os_path, repo_path

_FORBIDDEN = frozenset((".git", ".mlv"))
_MAX_NAME_BYTES = 255


def choose_data(
    workspace: Workspace, words: Sequence[Path], pointers: Pointers, reporter: Reporter
) -> tuple[RepoPath, ...]:
    """Return the data that `words` mean, sorted, after every check that can be made beforehand.

    Args:
        workspace: Where.
        words: Files, directories, pointers, and patterns such as `data/*.csv`; relative
            ones from the current directory.
        pointers: What is tracked.
        reporter: Told when something inside tracked data stands for all of it.

    Raises:
        MlvError: At least one of them cannot be tracked; all problems are named.
    """
    chosen: dict[RepoPath, None] = {}
    problems: list[MlvError] = []
    for word in words:
        try:
            for path in _expand(workspace, word):
                chosen[_choose(workspace, path, pointers, reporter)] = None
        except MlvError as error:
            problems.append(error)
    paths = sorted(path for path in chosen if not any(up in chosen for up in parents_of(path)))
    problems += _find_git_problems(workspace, paths, pointers)
    raise_problems(problems)
    return tuple(paths)


def missing_data(path: RepoPath) -> MissingFileError:
    """Return the error for data that is tracked, and is not there."""
    hint = f"bring it back with `mlv checkout {path}`, or give it up with `mlv untrack {path}`"
    return MissingFileError(f"the data of {pointer_path(path)!r} is not there", hint=hint)


def nearest_name(place: Path) -> str | None:
    """Return the name beside `place` that is most like its own, None when none is."""
    try:
        names = os.listdir(place.parent)  # noqa: PTH208 - names alone are wanted
    except OSError:
        return None
    nearest = difflib.get_close_matches(place.name, names, n=1)
    return nearest[0] if nearest else None


def _expand(workspace: Workspace, word: Path) -> list[RepoPath]:
    text = str(word)
    if os.path.lexists(word) or not glob.has_magic(text):
        return [repo_path(workspace.root, word)]
    found = [repo_path(workspace.root, Path(each)) for each in glob.glob(text, recursive=True)]  # noqa: PTH207 - the pattern may be absolute
    paths = [path for path in found if not is_pointer_path(path)]
    if not paths:
        message = f"nothing matches {text!r}"
        hint = "check the pattern, and quote it so that the shell leaves it alone"
        raise MissingFileError(message, hint=hint)
    return paths


def _choose(
    workspace: Workspace, path: RepoPath, pointers: Pointers, reporter: Reporter
) -> RepoPath:
    _require_inside(path)
    place = os_path(workspace.root, path)
    if is_pointer_path(path) and not place.is_dir():
        path = data_path(path)
        place = os_path(workspace.root, path)
    covering = pointers.covering(path)
    if covering is not None and covering != path:
        reporter.note(f"{path} is part of the tracked {covering}, so that is tracked as a whole")
        path, place = covering, os_path(workspace.root, covering)
    if not os.path.lexists(place):
        if covering is not None:
            raise missing_data(path)
        nearest = nearest_name(place)
        hint = f"did you mean {nearest!r}?" if nearest else "check the path"
        message = f"there is nothing at {path!r}"
        raise MissingFileError(message, hint=hint)
    _require_data(workspace, path, place)
    _require_no_tracked_inside(path, pointers)
    return path


def _require_inside(path: RepoPath) -> None:
    if not is_inside(path):
        message = f"{path!r} is outside the repository"
        raise WorktreeError(message, hint="copy or move the data into the repository first")
    if path == ".":
        message = "the root of the repository cannot be tracked, for it holds Git itself"
        raise UsageError(message, hint="name what is data: `mlv track data`")
    if any(name.lower() in _FORBIDDEN for name in path.split("/")):
        message = f"{path!r} belongs to Git or to the store"
        raise UsageError(message, hint="name what is data: `mlv track data`")


def _require_data(workspace: Workspace, path: RepoPath, place: Path) -> None:
    for parent in parents_of(path):
        if os_path(workspace.root, parent).is_symlink():
            message = f"{path!r} lies behind the symbolic link {parent!r}"
            raise WorktreeError(message, hint="track it where it really is")
    mode = place.lstat().st_mode
    if stat.S_ISLNK(mode) and find_shared_object(workspace.layout, place) is not None:
        return  # a file that `mlv checkout --link symlink` made
    if stat.S_ISLNK(mode):
        message = f"{path!r} is a symbolic link"
        hint = "Git keeps links itself; to track what it leads to, name that"
        raise WorktreeError(message, hint=hint)
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        message = f"{path!r} is neither a file nor a directory"
        raise WorktreeError(message)
    if len(os.fsencode(place.name)) + len(POINTER_SUFFIX) > _MAX_NAME_BYTES:
        message = f"the name of {path!r} is so long that its pointer cannot have a name"
        raise WorktreeError(message, hint="track the directory that it is in, or rename it")
    if os_path(workspace.root, pointer_path(path)).is_dir():
        message = f"a directory is in the way at {pointer_path(path)!r}, where the pointer belongs"
        raise WorktreeError(message, hint=f"rename {pointer_path(path)}")


def _require_no_tracked_inside(path: RepoPath, pointers: Pointers) -> None:
    known = [*pointers.data, *pointers.broken]
    inside = sorted(each for each in known if each != path and is_below(each, path))
    if inside:
        message = f"{path!r} contains data that is tracked on its own: {enumerate_some(inside)}"
        raise WorktreeError(message, hint=f"first run `mlv untrack {' '.join(inside[:5])}`")


def _find_git_problems(
    workspace: Workspace, paths: Sequence[RepoPath], pointers: Pointers
) -> list[MlvError]:
    problems: list[MlvError] = []
    for path, n_files in list_in_index(workspace.git.command, paths).items():
        what = "is tracked by Git" if n_files == 1 else f"holds {n_files} files tracked by Git"
        hint = f"take it out of Git, and keep it here: `git rm -r --cached -- {path}`"
        problems.append(WorktreeError(f"{path!r} {what}", hint=hint))
    new = [pointer_path(path) for path in paths if path not in pointers.data]
    for pointer in sorted(list_ignored_by_rule(workspace.git.command, new)):
        message = f"Git ignores {pointer!r}, so the pointer could not be committed"
        hint = f"see which rule does with `git check-ignore -v {pointer}`, and narrow it"
        problems.append(GitError(message, hint=hint))
    return problems
