"""Make new directories beside their place, and put them there when they are whole."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from mlv.core.paths import escape_name
from mlv.worktree.checkout.fill import check_collisions
from mlv.worktree.checkout.folding import Folding
from mlv.worktree.checkout.plan import NewDirectory
from mlv.worktree.checkout.refusals import explained
from mlv.worktree.checkout.standing import find_standing
from mlv.worktree.checkout.supply import Supply
from mlv.worktree.checkout.task import EditFile, FillDirectory, Names
from mlv.worktree.handles import opened_directory, unlink
from mlv.worktree.temporary import staging_directory, sweep_leftovers

_MOST_PLACES = 64
"""Each is held open; where there are more, all new directories are made in one."""


class StagedDirectory(msgspec.Struct, frozen=True, kw_only=True):
    """A new directory that is made elsewhere.

    Attributes:
        new: What it will be.
        place: Where it is made.
    """

    new: NewDirectory
    place: Names

    @property
    def names(self) -> Names:
        """Where it will be."""
        return (*self.new.place, self.new.name)

    @property
    def tasks(self) -> list[FillDirectory]:
        """What is to do for it."""
        if self.new.tree is not None:
            return [FillDirectory(place=self.place, shown=self.names, tree=self.new.tree)]
        return [
            FillDirectory(
                place=(*self.place, *inner), shown=(*self.names, *inner), entries=tuple(entries)
            )
            for inner, entries in self.new.entries.items()
        ]

    @property
    def directories(self) -> list[Names]:
        """Directories that are made below it at once, the outermost first."""
        found: set[Names] = set()
        for inner in self.new.entries:
            found |= {inner[:depth] for depth in range(1, len(inner) + 1)}
        return sorted(found, key=len)


@contextmanager
def staged_directories(
    root: Path, new: Mapping[Names, NewDirectory]
) -> Iterator[list[StagedDirectory]]:
    """Make an empty directory for each new one; those not published are removed at the end.

    Raises:
        WorktreeError: A directory cannot be written to.
        StorageError: The disk is full or failing.
    """
    places = {each.place for each in new.values()}
    if len(places) > _MOST_PLACES:
        places = {_common(places)}
    with ExitStack() as stack:
        stagings: dict[Names, tuple[bytes, int]] = {}
        for place in places:
            with explained(place):
                directory = stack.enter_context(opened_directory(root, list(place)))
                sweep_leftovers(directory)
                stagings[place] = stack.enter_context(staging_directory(directory))
        staged = []
        for number, each in enumerate(new.values()):
            place = each.place if each.place in stagings else next(iter(stagings))
            temporary, staging = stagings[place]
            name = b"%d" % number
            with explained(place):
                os.mkdir(name, dir_fd=staging)
            staged.append(StagedDirectory(new=each, place=(*place, temporary, name)))
            for inner in staged[-1].directories:
                with explained((*staged[-1].names, *inner)):
                    outer = [*staged[-1].place, *inner[:-1]]
                    with opened_directory(root, outer) as directory:
                        os.mkdir(inner[-1], dir_fd=directory)
        yield staged


def check_all_names(staged: StagedDirectory, folding: Folding) -> None:
    """Refuse names that are the same file on this file system.

    Raises:
        WorktreeError: There are such names.
    """
    names: dict[Names, list[str]] = {}
    for inner, entries in staged.new.entries.items():
        names.setdefault(inner, []).extend(entry.name for entry in entries)
    for inner in staged.directories:
        names.setdefault(inner[:-1], []).append(escape_name(inner[-1]))
    for inner, each in names.items():
        check_collisions(each, (*staged.names, *inner), folding)


def publish(supply: Supply, staged: StagedDirectory) -> bool:
    """Give a directory that is whole its place and name.

    Returns:
        False when something else than what was to go is there.

    Raises:
        WorktreeError: The directory above cannot be written to.
        StorageError: The disk is full or failing.
    """
    new = staged.new
    edit = EditFile(name=new.name, before=new.before, after=None)
    *outer, temporary = staged.place
    with explained(new.place), opened_directory(supply.root, list(new.place)) as directory:
        standing = find_standing(supply, directory, edit, new.place)
        if standing == "other":
            return False
        if standing == "before":
            unlink(new.name, directory)
        with opened_directory(supply.root, outer) as staging:
            os.rename(temporary, new.name, src_dir_fd=staging, dst_dir_fd=directory)
    return True


def _common(places: set[Names]) -> Names:
    first, last = min(places), max(places)
    depth = 0
    while depth < min(len(first), len(last)) and first[depth] == last[depth]:
        depth += 1
    return first[:depth]
