"""Some of the files below a directory, as if there were no others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

_FOLLOWED = b"//"
_KEPT = b"/./"


class PickedNames(msgspec.Struct, frozen=True, kw_only=True):
    """What counts in one directory.

    Attributes:
        files: Names of files and links.
        directories: Names of directories.
    """

    files: frozenset[bytes]
    directories: frozenset[bytes]

    def sorted(self) -> list[bytes]:
        """Return all names, sorted."""
        return sorted(self.files | self.directories)


class Picks(msgspec.Struct, frozen=True, kw_only=True):
    """Which files below a directory count; those that are not there are passed over.

    Attributes:
        directories: What counts in each directory, by its path below the top one, which
            is `b""`.
        follow_links: Whether links among the files stand for what lies behind them.
    """

    directories: Mapping[bytes, PickedNames]
    follow_links: bool = False

    @property
    def suffix(self) -> bytes:
        """What the stat cache puts behind the path of a directory of which not all counts."""
        return _FOLLOWED if self.follow_links else _KEPT


def pick_files(
    paths: Iterable[bytes], *, empty: Iterable[bytes] = (), follow_links: bool = False
) -> Picks:
    """Return the picks of some files.

    Args:
        paths: Raw paths of files below a directory.
        empty: Raw paths of directories that count although no file in them does.
        follow_links: Whether links among the files stand for what lies behind them.
    """
    files: dict[bytes, list[bytes]] = {b"": []}
    for path in paths:
        directory, _, name = path.rpartition(b"/")
        files.setdefault(directory, []).append(name)
    for directory in empty:
        files.setdefault(directory, [])
    inner: dict[bytes, set[bytes]] = {}
    for directory in list(files):
        while directory:
            above, _, name = directory.rpartition(b"/")
            names = inner.setdefault(above, set())
            if name in names:
                break
            names.add(name)
            directory = above  # noqa: PLW2901  # climbs
    return Picks(
        directories={
            directory: PickedNames(
                files=frozenset(files.get(directory, ())),
                directories=frozenset(inner.get(directory, ())),
            )
            for directory in files.keys() | inner.keys()
        },
        follow_links=follow_links,
    )
