r"""Names in a directory: which are allowed, many at once, and which ones collide.

Names come as raw bytes, as the file system has them, or escaped as in `mlv.core.paths`.

Source: docs/reference/store-format.md, "Names".
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from mlv.core.paths import RepoPath, escape_name, unescape_name

MAX_PATH_BYTES = 4095
"""The longest path, relative to the root: what Linux takes in one call (PATH_MAX less one).

Trees that lie deeper in each other are refused, so that no walk is without an end.
"""

_SPECIAL_NAMES = frozenset((b"", b".", b".."))

# Code points that HFS+ does not see in a name. Source: `next_hfs_char` in utf8.c of Git.
_UNSEEN = dict.fromkeys(
    [*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF]
)
_UNSEEN_BYTES = re.compile(b"|".join(chr(point).encode() for point in _UNSEEN))

# What some file system takes for `.git` or `.mlv`: its short name on NTFS, spaces and dots
# at its end, and an alternate data stream. No character outside ASCII folds to one of these
# letters. Source: `is_ntfs_dotgit` in path.c of Git.
_DISGUISE = re.compile(rb"(?:\.(?:git|mlv)|(?:git|mlv)~[1-4])[ .]*(?:[:\\]|\Z)", re.IGNORECASE)


def is_allowed(raw: bytes) -> bool:
    r"""Tell whether a name stays in its directory, and out of Git and the store.

    >>> [is_allowed(raw) for raw in (b".gitignore", b"a\\b", b"..", b".GIT ", b"git~1")]
    [True, True, False, False, False]
    """
    return (
        raw not in _SPECIAL_NAMES
        and b"/" not in raw
        and b"\0" not in raw
        and not _DISGUISE.match(_UNSEEN_BYTES.sub(b"", raw))
    )


def find_refused(names: Sequence[bytes]) -> bytes | None:
    """Return a name that is not allowed, None when all are."""
    joined = b"/".join(names)
    visible = joined if joined.isascii() else _UNSEEN_BYTES.sub(b"", joined)
    fine = (
        joined.count(b"/") < max(len(names), 1)
        and b"\0" not in joined
        and _SPECIAL_NAMES.isdisjoint(names)
        and not any(map(_DISGUISE.match, visible.split(b"/")))
    )
    return None if fine else next((name for name in names if not is_allowed(name)), None)


def escape_names(names: Sequence[bytes]) -> list[str]:
    """Return each name as `escape_name` does; fast where most are their own escape."""
    try:
        joined = b"/".join(names).decode()
    except UnicodeDecodeError:
        return [escape_name(name) for name in names]
    if _is_own_escape(joined, len(names)):
        return joined.split("/")
    return [escape_name(name) for name in names]


def unescape_names(names: Sequence[str]) -> list[bytes]:
    """Return each name as `unescape_name` does; fast where most are their own escape.

    Raises:
        ValueError: A name holds a backslash that begins no escape.
    """
    joined = "/".join(names)
    if _is_own_escape(joined, len(names)):
        return joined.encode().split(b"/")
    return [unescape_name(name) if "\\" in name else name.encode() for name in names]


def path_below(directory: RepoPath, name: str) -> RepoPath:
    """Return the path of an entry of a directory.

    Raises:
        ValueError: It is longer than `MAX_PATH_BYTES`.
    """
    path = RepoPath(f"{directory}/{name}" if directory != "." else name)
    # No character stands for more than four bytes, so most paths need no exact count.
    if 4 * len(path) > MAX_PATH_BYTES and len(unescape_name(path)) > MAX_PATH_BYTES:
        message = f"{path[:40]!r}... is longer than {MAX_PATH_BYTES} bytes"
        raise ValueError(message)
    return path


def find_collisions(
    names: Iterable[str], *, fold_case: bool, normalize: bool
) -> tuple[tuple[str, ...], ...]:
    r"""Return the groups of names that would be one file on another kind of file system.

    Args:
        names: Escaped names of one directory.
        fold_case: The file system takes upper and lower case for the same, and
            does not see some code points (Windows, macOS).
        normalize: It takes composed and decomposed characters for the same (macOS).

    Returns:
        Groups of two or more names, each sorted, and sorted by their first name.

    >>> find_collisions(["a", "B", "A", "b", "c"], fold_case=True, normalize=False)
    (('A', 'a'), ('B', 'b'))
    """
    first: dict[str, str] = {}
    groups: dict[str, list[str]] = {}
    for name in names:
        seen_as = _see(name, fold_case=fold_case, normalize=normalize)
        other = first.setdefault(seen_as, name)
        if other != name:
            groups.setdefault(seen_as, [other]).append(name)
    return tuple(sorted(tuple(sorted(group)) for group in groups.values()))


def _see(name: str, *, fold_case: bool, normalize: bool) -> str:
    # Escapes are ASCII in lower case, so folding the escaped text does them no harm.
    if name.isascii():
        return name.lower() if fold_case else name
    if normalize:
        name = unicodedata.normalize("NFD", name)
    if fold_case:
        name = name.translate(_UNSEEN).casefold()
        name = unicodedata.normalize("NFD", name) if normalize else name
    return name


def _is_own_escape(joined: str, n_names: int) -> bool:
    """Tell whether names joined by slashes can be split again, and none needs an escape."""
    return joined.isprintable() and "\\" not in joined and joined.count("/") == n_names - 1
