"""Change files in a directory that is there, and in which others may be at work, too."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence

from mlv.worktree.checkout.standing import find_standing
from mlv.worktree.checkout.supply import Supply
from mlv.worktree.checkout.task import Done, EditDirectory, EditFile, Names, path_of
from mlv.worktree.handles import find_stat, opened_directory, unlink
from mlv.worktree.temporary import staging_directory


def edit_directory(supply: Supply, task: EditDirectory) -> Done:
    """Replace, remove and add files of one directory.

    All that is new is written and verified before the first name changes. Then each file
    changes in one step, after a look at what is under its name at that moment.

    Raises:
        MissingObjectError, CorruptDataError: Something is not in the store as it should
            be; the directory is as it was.
        OSError: The disk is full or failing, or the directory may not be written to.
    """
    removals = [edit for edit in task.edits if edit.after is None]
    arrivals = [edit for edit in task.edits if edit.after is not None]
    with opened_directory(supply.root, list(task.place)) as directory:
        editor = _Editor(supply, directory, task.place)
        if not arrivals:
            editor.remove(removals)
            return editor.done
        with staging_directory(directory) as (_, staging):
            staged = editor.stage(arrivals, staging)
            supply.sync()
            editor.remove(removals)
            editor.publish(arrivals, staged, staging)
    return editor.done


class _Editor:
    """Changes one directory, and counts what it did."""

    def __init__(self, supply: Supply, directory: int, place: Names) -> None:
        self._supply = supply
        self._directory = directory
        self._place = place
        self.done = Done()

    def stage(self, edits: Sequence[EditFile], staging: int) -> list[bytes | None]:
        """Make the new files, and return their names; None where a change of mode will do."""
        names: list[bytes | None] = []
        for number, edit in enumerate(edits):
            if self._needs_mode_only(edit):
                names.append(None)
            elif edit.after is not None:
                names.append(b"%d" % number)
                self._supply.put(staging, b"%d" % number, edit.after, self._place)
        return names

    def remove(self, edits: Sequence[EditFile]) -> None:
        """Remove files that are what they are thought to be."""
        for edit in edits:
            standing = find_standing(self._supply, self._directory, edit, self._place)
            if standing == "before":
                unlink(edit.name, self._directory)
                self.done.n_removed += 1
            elif standing == "other":
                self._keep(edit)

    def publish(
        self, edits: Sequence[EditFile], staged: Sequence[bytes | None], staging: int
    ) -> None:
        """Put new files in place of those that are what they are thought to be."""
        for edit, temporary in zip(edits, staged, strict=True):
            standing = find_standing(self._supply, self._directory, edit, self._place)
            if standing == "after":
                continue
            if standing == "other":
                is_done = False
            elif temporary is None:
                is_done = standing == "before" and self._change_mode(edit)
            elif standing == "before":
                os.replace(temporary, edit.name, src_dir_fd=staging, dst_dir_fd=self._directory)
                is_done = True
            else:
                is_done = put_where_nothing_is(temporary, staging, edit.name, self._directory)
            if is_done and edit.after is not None:
                self.done.n_written += 1
                self.done.written_bytes += edit.after.size_bytes
            else:
                self._keep(edit)

    def _needs_mode_only(self, edit: EditFile) -> bool:
        if edit.before is None or edit.after is None or edit.before.digest != edit.after.digest:
            return False
        if {edit.before.kind, edit.after.kind} != {"file", "exec"}:
            return False
        found = find_stat(edit.name, self._directory)
        return found is not None and stat.S_ISREG(found.st_mode) and found.st_nlink == 1

    def _change_mode(self, edit: EditFile) -> bool:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(edit.name, flags, dir_fd=self._directory)
        try:
            found = os.fstat(descriptor)
            if found.st_nlink > 1:
                return False  # its other names would change as well
            mode = stat.S_IMODE(found.st_mode)
            if edit.after is not None and edit.after.kind == "exec":
                os.fchmod(descriptor, mode | (mode & 0o444) >> 2)
            else:
                os.fchmod(descriptor, mode & ~0o111)
        finally:
            os.close(descriptor)
        return True

    def _keep(self, edit: EditFile) -> None:
        self.done.kept.append(path_of(self._place, edit.name))


def put_where_nothing_is(temporary: bytes, staging: int, name: bytes, directory: int) -> bool:
    """Move a file to a name, unless something has that name by now.

    Raises:
        OSError: The disk is full or failing, or the directory may not be written to.
    """
    try:
        os.link(temporary, name, src_dir_fd=staging, dst_dir_fd=directory, follow_symlinks=False)
    except FileExistsError:
        return False
    except OSError:
        # A file system without hard links, or a file with too many: look, then move.
        if find_stat(name, directory) is not None:
            return False
        os.rename(temporary, name, src_dir_fd=staging, dst_dir_fd=directory)
    return True
