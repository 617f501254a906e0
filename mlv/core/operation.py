"""Operations: every change of what can change, one after the other.

Each clone appends to its own chain. An operation names the one before it by
digest, so nobody can change the past without changing every later name.

Source: docs/reference/store-format.md, "Operations".
"""

from __future__ import annotations

from typing import Literal

import msgspec

from mlv.core.digest import Digest, DigestField
from mlv.core.ids import RunIdField
from mlv.core.paths import RepoPath
from mlv.core.run import Content, Record, first_schema
from mlv.core.tree import Fingerprint


class HybridTime(Record, frozen=True, kw_only=True, order=True):
    """Wall clock in milliseconds since 1970, and a counter for what it cannot tell apart.

    Source: Kulkarni et al., "Logical Physical Clocks", 2014.
    """

    wall_ms: int
    counter: int = 0


class Actor(Record, frozen=True, kw_only=True):
    """Who did it: Git identity if there is one, operating-system user, host."""

    git: str | None = None
    user: str
    host: str


class PublishRun(Record, frozen=True, kw_only=True, tag_field="kind", tag="publish-run"):
    """A run becomes visible."""

    run: RunIdField
    record: Content


class HideRun(Record, frozen=True, kw_only=True, tag_field="kind", tag="hide-run"):
    """A run is no longer visible; its objects stay."""

    run: RunIdField
    record: Content


class FileState(Record, frozen=True, kw_only=True):
    """What lay at one path, with the permission bits it had."""

    fingerprint: Fingerprint
    mode: int | None = None


class FileChange(Record, frozen=True, kw_only=True):
    """One path of the worktree before and after; None where there was nothing."""

    path: RepoPath
    before: FileState | None = None
    after: FileState | None = None

    def reversed(self) -> FileChange:
        """Return the change that takes this one back."""
        return FileChange(path=self.path, before=self.after, after=self.before)


class WorktreeChange(Record, frozen=True, kw_only=True, tag_field="type", tag="worktree-change"):
    """Files of the worktree that one operation changed, sorted by path.

    Attributes:
        files: The files.
        directories: Directories that had to be made, outermost first.
    """

    files: tuple[FileChange, ...]
    directories: tuple[RepoPath, ...] = ()
    schema: Literal[1] = msgspec.field(default_factory=first_schema)


class ChangeWorktree(Record, frozen=True, kw_only=True, tag_field="kind", tag="change-worktree"):
    """Files of the worktree were replaced.

    Attributes:
        files: The `WorktreeChange` record.
        worktree: Which worktree: its path, as text for people and for a check.
        target: The run that they were set to; None when an undo set them.
        saved: Git commit that holds the worktree as it was before.
    """

    files: Content
    worktree: str
    target: RunIdField | None = None
    saved: str | None = None


class DataChange(Record, frozen=True, kw_only=True):
    """Tracked data, part of it, or a pointer, before and after; None where there was nothing."""

    path: RepoPath
    before: Fingerprint | None = None
    after: Fingerprint | None = None

    def reversed(self) -> DataChange:
        """Return the change that takes this one back."""
        return DataChange(path=self.path, before=self.after, after=self.before)


class ChangeData(Record, frozen=True, kw_only=True, tag_field="kind", tag="change-data"):
    """Data of the worktree was set to other versions.

    It is published before the first file changes, and every version that it names
    is stored by then, so that a change that was cut short can be taken back as well.

    Attributes:
        worktree: Which worktree: its path, as text for people and for a check.
        data: What changed, sorted by path; no path lies below another.
        revision: The Git revision whose pointers were asked for, in the person's words.
    """

    worktree: str
    data: tuple[DataChange, ...]
    revision: str | None = None


EffectiveChange = PublishRun | HideRun | ChangeWorktree | ChangeData
"""A change that does something of its own."""


class Undo(Record, frozen=True, kw_only=True, tag_field="kind", tag="undo"):
    """An earlier operation was taken back, by the inverse change."""

    operation: DigestField
    inverse: EffectiveChange


Change = EffectiveChange | Undo


class Operation(Record, frozen=True, kw_only=True, tag_field="type", tag="operation"):
    """One entry of a clone's log.

    Attributes:
        clone: Id of the clone.
        previous: Digest of the clone's operation before this one.
        time: When.
        actor: Who.
        argv: The command line, secrets redacted.
        reason: Why, in the words of the user.
        change: What.
    """

    clone: str
    previous: DigestField | None = None
    time: HybridTime
    actor: Actor
    argv: tuple[str, ...] = ()
    reason: str | None = None
    change: Change
    schema: Literal[1] = msgspec.field(default_factory=first_schema)


class LoggedOperation(msgspec.Struct, frozen=True, kw_only=True):
    """An operation together with its digest."""

    id: Digest
    operation: Operation


def effective_change(change: Change) -> EffectiveChange:
    """Return what a change does, which for an undo is the inverse of what it takes back."""
    return change.inverse if isinstance(change, Undo) else change


def next_time(last: HybridTime | None, wall_ms: int) -> HybridTime:
    """Return a time after `last`, even when the wall clock stood still or went back."""
    if last is None or wall_ms > last.wall_ms:
        return HybridTime(wall_ms=wall_ms)
    return HybridTime(wall_ms=last.wall_ms, counter=last.counter + 1)
