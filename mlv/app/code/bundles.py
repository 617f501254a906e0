"""Keep the code of a run in the store, in case that Git loses it.

The bundles of a run bring its snapshot back, fetched in their order. The first stands on
commits that a Git remote had, or on none; the others on those before them. When the
snapshot is a commit of its own, the last bundle brings that, and those before it HEAD.
"""

from __future__ import annotations

from collections.abc import Iterable
from io import BufferedReader, RawIOBase
from typing import IO

from mlv.app.reporter import Reporter
from mlv.app.workspace import Workspace
from mlv.core.run import Code, Content, Run
from mlv.errors import GitError
from mlv.git.bundle import (
    list_cut_off,
    list_unpushed,
    measure_unpushed,
    parse_header,
    write_bundle,
)
from mlv.git.head import Head
from mlv.store.failures import storage_errors
from mlv.store.owner import give_to_owner

MOST_BYTES = 256 << 20
"""A longer history is left to Git: bundling it would take minutes, and the space twice."""

LONGEST_CHAIN = 16
"""After so many bundles, the next one stands on the first again."""

_MARK = "unbundled"
"""File in the cache that names a commit whose history was too much, so that it is tried once."""

KEPT_BY_GIT = "the code is kept by Git alone, not in the store"
TOO_LARGE = f"it takes more than {MOST_BYTES >> 20} MiB, and no remote has it"
SHALLOW = "this clone is shallow, and no remote has all of its history"

Bundles = tuple[Content, ...]


def bundle_code(
    workspace: Workspace,
    code: Code,
    *,
    ref: str,
    head: Head,
    earlier: Iterable[Run],
    reporter: Reporter,
) -> Bundles:
    """Store what brings the snapshot of a run back, and return it.

    Args:
        workspace: Whose repository.
        code: The code of the run.
        ref: What Git calls the snapshot.
        head: What is checked out.
        earlier: Runs whose bundles are in the store.
        reporter: Is told why there are none.

    Returns:
        Nothing when a remote has the snapshot, or when it cannot be bundled.

    Raises:
        StorageError: The disk is full, read-only or failing.
    """
    if not workspace.settings.project.code.bundle:
        return ()
    bundler = _Bundler(workspace, earlier, reporter)
    try:
        return bundler.bundle(code, ref, head)
    except GitError as error:
        reporter.note(f"{KEPT_BY_GIT}: {error.message}")
        return ()


class _RefusedError(Exception):
    """There will be no bundle; the message says why."""


class _Bundler:
    def __init__(self, workspace: Workspace, earlier: Iterable[Run], reporter: Reporter) -> None:
        self._workspace = workspace
        self._command = workspace.git.command
        self._reporter = reporter
        self._mark = workspace.layout.cache / _MARK
        self._known: dict[str, Bundles] = {}
        for run in earlier:
            self._learn(run.code)

    def bundle(self, code: Code, ref: str, head: Head) -> Bundles:
        """Return the bundles that bring a snapshot back."""
        known = self._find(code.snapshot)
        if known is not None:
            return known
        below = self._bundle_head(head)
        if below is None or code.snapshot == head.commit:
            return below or ()
        exclude = () if head.commit is None else (f"^{head.commit}",)
        try:
            return (*below, self._write(ref, code.snapshot, *exclude))
        except _RefusedError as error:
            self._reporter.note(f"{KEPT_BY_GIT}: {error}")
            return ()

    def _learn(self, code: Code) -> None:
        if code.bundles:
            if code.commit and code.commit != code.snapshot:
                self._known[code.commit] = code.bundles[:-1]
            self._known[code.snapshot] = code.bundles

    def _find(self, commit: str) -> Bundles | None:
        """Return the bundles that bring a commit, empty when a remote had it."""
        known = self._known.get(commit)
        if known is None or not all(map(self._workspace.objects.contains, known)):
            return None
        return known

    def _bundle_head(self, head: Head) -> Bundles | None:
        """Return the bundles that bring HEAD, None when that cannot be."""
        commit = head.commit
        if commit is None or head.is_on_remote:
            return ()
        known = self._find(commit)
        return self._bundle_new(commit) if known is None else known

    def _bundle_new(self, commit: str) -> Bundles | None:
        refused = self._read_mark()
        if refused == commit:
            return None
        unpushed = list_unpushed(self._command, commit)
        if refused in unpushed:
            return None
        try:
            return self._extend(commit, unpushed) if unpushed else ()
        except _RefusedError as error:
            self._reporter.note(f"{KEPT_BY_GIT}: {error}")
            self._write_mark(commit)
            return None

    def _extend(self, commit: str, unpushed: Iterable[str]) -> Bundles:
        if not list_cut_off(self._workspace.git.location).isdisjoint(unpushed):
            raise _RefusedError(SHALLOW)
        known = {base: chain for base in unpushed if (chain := self._find(base))}
        longest = next(iter(known.values()), ())
        if len(longest) >= LONGEST_CHAIN - 1:
            known = {base: chain for base, chain in known.items() if chain == longest[:1]}
        if known:
            base, chain = next(iter(known.items()))
            return (*chain, self._write("HEAD", commit, f"^{base}", "--not", "--remotes"))
        location = self._workspace.git.location
        with self._reporter.working("storing the history of the code"):
            if measure_unpushed(self._command, location, limit_bytes=MOST_BYTES):
                raise _RefusedError(TOO_LARGE)
            return (self._write("HEAD", commit, "--not", "--remotes"),)

    def _write(self, ref: str, commit: str, *exclude: str) -> Content:
        with (
            self._workspace.objects.transaction() as objects,
            write_bundle(self._command, ref, *exclude) as stream,
        ):
            limited = _Limited(stream)
            content = objects.add_stream(BufferedReader(limited))
        if parse_header(bytes(limited.head)).tips.get(ref) != commit:
            message = f"{ref} was changed while it was read"
            raise GitError(message)
        return content

    def _write_mark(self, commit: str) -> None:
        with storage_errors("write to the cache"):
            self._mark.write_text(commit)
            give_to_owner(self._workspace.layout, self._mark)

    def _read_mark(self) -> str:
        try:
            return self._mark.read_text()
        except OSError:
            return ""


class _Limited(RawIOBase):
    """Passes a stream on, and fails when it is too long.

    Attributes:
        head: What it began with, at least up to the first empty line.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__()
        self._stream = stream
        self._n_bytes = 0
        self.head = bytearray()

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read as much as there is."""
        data = self._stream.read1(len(buffer))  # type: ignore[attr-defined]
        buffer[: len(data)] = data
        self._n_bytes += len(data)
        if self._n_bytes > MOST_BYTES:
            raise _RefusedError(TOO_LARGE)
        if b"\n\n" not in self.head:
            self.head += data
        return len(data)
