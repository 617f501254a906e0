"""Check out: make paths of a worktree equal to what the store holds.

New directories are written whole beside their place and renamed; in directories that are
there each file is written beside its place and renamed. So a crash leaves every file as it
was or as it shall be. Nothing is synced: what was checked out is safe in the store.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress

from mlv.core.paths import escape_name
from mlv.core.tree_limits import Descents
from mlv.errors import WorktreeError
from mlv.store.layout import Layout
from mlv.store.objects import ObjectStore
from mlv.store.trees import go_down
from mlv.worktree.checkout.fill import check_collisions
from mlv.worktree.checkout.folding import Folding, probe_folding
from mlv.worktree.checkout.plan import Plan, plan_check_out
from mlv.worktree.checkout.refusals import explained
from mlv.worktree.checkout.request import CheckedOut, CheckOutRequest, Progress
from mlv.worktree.checkout.stage import check_all_names, publish, staged_directories
from mlv.worktree.checkout.supply import Supply
from mlv.worktree.checkout.task import (
    Done,
    EditDirectory,
    EditFile,
    MakeLinks,
    Names,
    Task,
    path_of,
)
from mlv.worktree.checkout.work import work_on_all
from mlv.worktree.handles import opened_directory
from mlv.worktree.links import choose_link_type
from mlv.worktree.temporary import staging_directory, sweep_leftovers

_SLICE_FILES = 512
_SLICE_BYTES = 64 << 20


def check_out(
    objects: ObjectStore,
    layout: Layout,
    request: CheckOutRequest,
    on_progress: Progress | None = None,
) -> CheckedOut:
    """Make paths of a worktree what a request says.

    Only what differs is touched, and only what is still what the request says it is.
    Every byte is verified before it appears under its name. The caller keeps others from
    checking out into the same worktree, and has made what is there safe.

    Args:
        objects: The store.
        layout: Of the same store.
        request: What to do.
        on_progress: Is told about files that are written.

    Raises:
        WorktreeError: A path leads out of the worktree, is too deep, is the same as another
            one on this file system, may not be written, or has something above it.
        MissingObjectError, CorruptDataError: Something is not in the store as it should
            be; the directory in which it belongs is as it was.
        StorageError: The disk is full or failing.
        NotPossibleError: The link type cannot be had here.
    """
    with explained(()):
        link_type = choose_link_type(layout, request.root, request.link_type)
        plan = plan_check_out(request)
    supply = Supply(objects, layout, request.root, link_type)
    held = objects.hold() if link_type in {"hardlink", "symlink"} else nullcontext()
    with held:
        return _CheckOut(supply, plan, on_progress).run()


class _CheckOut:
    """One check-out: a plan, and what has been done of it."""

    def __init__(self, supply: Supply, plan: Plan, on_progress: Progress | None) -> None:
        self._supply = supply
        self._plan = plan
        self._on_progress = on_progress
        self._total = Done()
        self._links: list[MakeLinks] = []
        self._folding = Folding()
        tops = [new.tree for new in plan.new.values() if new.tree is not None]
        self._descents = Descents(tops, supply.objects.read)
        self._told_bytes = 0  # of the task in progress
        supply.on_block = self._tell_block

    def run(self) -> CheckedOut:
        try:
            self._find_folding()
            with staged_directories(self._supply.root, self._plan.new) as staged:
                for each in staged:
                    check_all_names(each, self._folding)
                self._work([task for each in staged for task in each.tasks])
                self._work(self._links)
                self._edit(self._plan.edits)
                self._remove_empty()
                for each in staged:
                    if not publish(self._supply, each):
                        self._total.kept.append(path_of(each.names))
            self._edit(self._plan.late_edits)
        except BaseException:
            # Processes that were killed left what they were at.
            for place in self._places():
                with suppress(OSError, WorktreeError), self._opened(place) as directory:
                    sweep_leftovers(directory)
            raise
        return CheckedOut(
            n_written=self._total.n_written,
            n_removed=self._total.n_removed,
            written_bytes=self._total.written_bytes,
            kept=tuple(sorted(self._total.kept)),
        )

    def _find_folding(self) -> None:
        """Look at the file system once, where the first thing will be written."""
        edits = (self._plan.edits, self._plan.late_edits)
        writing = [place for each in edits for place in each if _arrivals(each[place])]
        for place in [*(new.place for new in self._plan.new.values()), *writing][:1]:
            with (
                explained(place),
                self._opened(place) as directory,
                staging_directory(directory) as (_, staging),
            ):
                self._folding = probe_folding(staging)
        for each in edits:
            for place in each:
                names = (escape_name(edit.name) for edit in _arrivals(each[place]))
                check_collisions(names, place, self._folding)

    def _edit(self, edits: Mapping[Names, Sequence[EditFile]]) -> None:
        for place in edits:
            with explained(place), self._opened(place) as directory:
                sweep_leftovers(directory)
        self._work([task for place in edits for task in _slices(place, edits[place])])

    def _work(self, tasks: Sequence[Task]) -> None:
        work_on_all(self._supply, tasks, self._folding, self._take)

    def _take(self, done: Done) -> None:
        if done.gone_down is not None:
            go_down(self._descents, done.gone_down, 0)
        self._total.n_written += done.n_written
        self._total.n_removed += done.n_removed
        self._total.written_bytes += done.written_bytes
        self._total.kept += done.kept
        self._links += done.links
        if self._on_progress is not None:
            n_bytes = done.written_bytes - self._told_bytes
            self._on_progress(done.n_written + done.n_removed, n_bytes)
            self._told_bytes = 0

    def _tell_block(self, n_bytes: int) -> None:
        if self._on_progress is not None:
            self._on_progress(0, n_bytes)
            self._told_bytes += n_bytes

    def _remove_empty(self) -> None:
        """Remove directories that lost their last file, and those above them that did so, too."""
        emptied = set(self._plan.goes)
        needed = {new.place for new in self._plan.new.values()} | self._plan.late_edits.keys()
        stays = self._plan.stays | needed
        for place, edits in self._plan.edits.items():
            if any(edit.after is None for edit in edits):
                emptied.add(place)
        for deepest in sorted(emptied, key=len, reverse=True):
            names = deepest
            while names not in stays and self._is_removed(names):
                names = names[:-1]

    def _is_removed(self, names: Names) -> bool:
        try:
            with self._opened(names[:-1]) as directory:
                os.rmdir(names[-1], dir_fd=directory)
        except (OSError, WorktreeError):
            return False  # not empty, or gone: either way it is not ours to remove
        return True

    def _places(self) -> Iterator[Names]:
        yield from self._plan.edits
        yield from self._plan.late_edits
        yield from (new.place for new in self._plan.new.values())

    def _opened(self, place: Names) -> AbstractContextManager[int]:
        return opened_directory(self._supply.root, list(place))


def _arrivals(edits: Iterable[EditFile]) -> list[EditFile]:
    return [edit for edit in edits if edit.after is not None]


def _slices(place: Names, edits: Sequence[EditFile]) -> Iterator[EditDirectory]:
    """Yield tasks of bounded size, removals first: they may make room for what comes."""
    part: list[EditFile] = []
    n_bytes = 0
    for edit in sorted(edits, key=lambda edit: edit.after is not None):
        part.append(edit)
        n_bytes += 0 if edit.after is None else edit.after.size_bytes
        if len(part) == _SLICE_FILES or n_bytes > _SLICE_BYTES:
            yield EditDirectory(place=place, edits=tuple(part))
            part, n_bytes = [], 0
    if part:
        yield EditDirectory(place=place, edits=tuple(part))
