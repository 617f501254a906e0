"""Say where a scan has to look: all over a directory, or for what is picked in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mlv.store.directory_cache import DirectoryCache
from mlv.worktree.picks import Picks
from mlv.worktree.scan_tasks import MOST_NAMES, ScanTask, slice_names
from mlv.worktree.scanned import Directory


class ScanPlan:
    """Makes the tasks of a scan.

    Args:
        top: The directory that the scan is about, absolute.
        cache: What is known of directories from earlier scans; None for nothing.
        read_bytes: How much may be read within one task.
        picks: Which files count; None for all.

    Attributes:
        suffix: What the stat cache puts behind the paths of directories.
        follow_links: Whether links stand for what lies behind them.
    """

    def __init__(
        self, top: bytes, cache: DirectoryCache | None, *, read_bytes: int, picks: Picks | None
    ) -> None:
        self.suffix = b"" if picks is None else picks.suffix
        self.follow_links = picks is not None and picks.follow_links
        self._top = top
        self._cache = cache
        self._read_bytes = read_bytes
        self._picks = picks

    def look_into(self, directory: Directory) -> Iterator[ScanTask]:
        """Yield what there is to do in a directory, and count that as pending."""
        if self._picks is None:
            yield self.task(directory)
            return
        picked = self._picks.directories[directory.path[len(self._top) :].lstrip(b"/")]
        names = picked.sorted()
        parts: Iterable[tuple[bytes, Sequence[bytes]]] = [(b"", names)]
        if len(names) > MOST_NAMES:
            parts = slice_names(names, self.list_parts(directory))
        tasks = [
            self.task(directory, first, part, picked.directories)
            for first, part in parts
            if part or not first
        ]
        directory.n_pending = len(tasks)
        yield from tasks

    def task(
        self,
        directory: Directory,
        first: bytes = b"",
        names: Sequence[bytes] | None = None,
        picked_directories: Iterable[bytes] | None = None,
    ) -> ScanTask:
        """Return the task of looking at a part of a directory; at all of it without `names`."""
        is_picked = picked_directories is not None
        return ScanTask(
            number=directory.number,
            path=directory.path,
            key=directory.key,
            read_bytes=self._read_bytes,
            first=first,
            names=None if names is None else b"\0".join(names),
            directories=b"\0".join(picked_directories or ()) if is_picked else None,
            follow_links=self.follow_links,
        )

    def list_parts(self, directory: Directory) -> list[bytes]:
        """Return the first names of the parts that the cache knows of a directory, in order."""
        if self._cache is None:
            return []
        return self._cache.list_parts(directory.key) or self._cache.list_parts(directory.path)
