"""Every error that mlv raises on purpose, with its exit code and hint.

MlvError                       an expected failure, shown without a traceback
├── UsageError                 2    the request itself makes no sense
├── NotPossibleError           3    it cannot be done as things are
│   ├── NotARepositoryError         not inside a Git worktree
│   ├── NoStoreError                the repository has no `.mlv` yet
│   ├── StoreExistsError            a second `mlv init`
│   ├── NoSuchRunError              no run has that name
│   ├── AmbiguousRunError           several runs have that name
│   ├── MissingFileError            a file that was asked for is not there
│   ├── MissingObjectError          an object is not in the store
│   ├── UnreadableFileError         a file cannot be understood (line and column)
│   ├── FileChangedError            a file changed while it was being read
│   ├── WorktreeError               the worktree is in the way
│   ├── LockedError                 another process is doing this now
│   ├── StorageError                the disk is full, read-only or failing
│   ├── RecordingFailedError        the command of `mlv run` ended, but has no record yet
│   └── GitError                    Git refused
├── CorruptDataError           7    bytes are not what their digest says
├── CommandNotExecutableError  126  `mlv run` found the command but may not run it
└── CommandNotFoundError       127  `mlv run` did not find the command
"""

from __future__ import annotations


class MlvError(Exception):
    """An expected failure: what went wrong and why, with the value quoted.

    Args:
        message: Lower case, no full stop at the end.
        hint: What to do next, as a command to paste or one short sentence.
    """

    exit_code = 3

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(MlvError):
    """The request itself makes no sense, whatever the state of the repository."""

    exit_code = 2


class NotPossibleError(MlvError):
    """The request makes sense, but not as things are."""

    exit_code = 3


class NotARepositoryError(NotPossibleError):
    """The directory does not belong to a Git worktree."""


class NoStoreError(NotPossibleError):
    """The Git repository has no `.mlv` store yet."""


class StoreExistsError(NotPossibleError):
    """The store that was to be created is there already."""


class NoSuchRunError(NotPossibleError):
    """No run answers to the reference that was given."""


class AmbiguousRunError(NotPossibleError):
    """More than one run answers to the reference that was given."""


class MissingFileError(NotPossibleError):
    """A file or directory that was asked for is not there."""


class MissingObjectError(NotPossibleError):
    """An object that is needed is not in the store."""


class UnreadableFileError(NotPossibleError):
    """A file cannot be understood; the message names line and column."""


class FileChangedError(NotPossibleError):
    """A file changed while it was being read, several times over."""


class WorktreeError(NotPossibleError):
    """The worktree is in a state in which the request would do harm."""


class LockedError(NotPossibleError):
    """Another process is doing the same thing at this moment."""


class StorageError(NotPossibleError):
    """The disk is full, read-only or failing."""


class RecordingFailedError(NotPossibleError):
    """The command of `mlv run` ended, but its record could not be sealed."""


class GitError(NotPossibleError):
    """Git refused to do what was asked of it."""


class CorruptDataError(MlvError):
    """Bytes are not what their digest says."""

    exit_code = 7


class CommandNotExecutableError(MlvError):
    """The command of `mlv run` was found, but may not be executed."""

    exit_code = 126


class CommandNotFoundError(MlvError):
    """The command of `mlv run` was not found."""

    exit_code = 127
