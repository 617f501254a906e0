"""What was seen of a run: the values that leave `mlv.capture.observing.observe`."""

from __future__ import annotations

import msgspec

from mlv.core.paths import RepoPath


class FileSignature(msgspec.Struct, frozen=True, kw_only=True):
    """What `stat` said of a file; another signature means that it may have changed."""

    dev: int
    ino: int
    size: int
    mtime_ns: int
    ctime_ns: int


UNKNOWN_SIGNATURE = FileSignature(dev=0, ino=0, size=0, mtime_ns=0, ctime_ns=0)
"""Of a file that was opened, and changed after the run began: before or after, nobody knows.

It is the signature of no file, so that a comparison finds that the file has changed.
"""


class ObservedWrite(msgspec.Struct, frozen=True, kw_only=True):
    """How a file became an output.

    Attributes:
        existed: Something had this name before the run's first write to it.
        directory: A whole directory was renamed to this name, and what it holds was
            written out of sight.
    """

    existed: bool = False
    directory: bool = False


class ObservedProcess(msgspec.Struct, frozen=True, kw_only=True):
    """A Python process of the run.

    Attributes:
        pid: Its process id.
        parent_pid: That of its parent.
        executable: `sys.executable`.
        version: Of Python, such as `3.12.1`.
        prefix: `sys.prefix`, that of its virtual environment.
        base_prefix: `sys.base_prefix`, that of the installation.
        argv: Its command line, redacted.
    """

    pid: int
    parent_pid: int
    executable: str
    version: str
    prefix: str
    base_prefix: str
    argv: tuple[str, ...]


class Observations(msgspec.Struct, frozen=True, kw_only=True):
    """All that was seen in a run, in the order in which it happened.

    Attributes:
        reads: Files read before the run wrote them, as they were at the first read, or
            `UNKNOWN_SIGNATURE`.
        external: The same outside the worktree, by absolute path without links: data
            alone, and none that changed after the run began and before it was opened.
        writes: Files that the run wrote and did not delete or rename away again.
        imported: Source files in the worktree that were executed: modules, also when only
            their bytecode was opened, scripts, and archives of modules.
        processes: The Python processes, forks left out.
        unwatched: Command lines of Python processes, redacted, that were started in such
            a way that they could not be watched.
        listed: Directories of which a program asked for the names; absolute outside.
        helpers: Names of programs, no watched Pythons, that watched processes started;
            those that only ask about the machine or the repository are left out.
        native_readers: Modules that open files out of sight, imported by code of the worktree.
        libraries: Native libraries by name, as the frameworks in the processes said.
        determinism: Seeds and switches, likewise.
        n_damaged_lines: Lines that could not be read back, or not be written: one a
            killed process at most, unless the disk failed.
    """

    reads: dict[RepoPath, FileSignature]
    writes: dict[RepoPath, ObservedWrite]
    processes: tuple[ObservedProcess, ...]
    external: dict[RepoPath, FileSignature] = {}
    imported: frozenset[RepoPath] = frozenset()
    unwatched: tuple[str, ...] = ()
    listed: frozenset[RepoPath] = frozenset()
    helpers: tuple[str, ...] = ()
    native_readers: tuple[str, ...] = ()
    libraries: dict[str, str] = {}
    determinism: dict[str, bool | int | str] = {}
    n_damaged_lines: int = 0
