"""Inputs that were declared by a URL."""

from __future__ import annotations

import errno
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from blake3 import blake3

from mlv.app.live_run import KnownInput
from mlv.capture.redact import redact_text
from mlv.core.digest import Digest, digest_of
from mlv.core.paths import RepoPath, escape_name
from mlv.core.run import Content
from mlv.core.secret_shapes import REDACTED
from mlv.core.tree import Fingerprint
from mlv.errors import MlvError, StorageError, UnreadableFileError
from mlv.store.object_writer import ObjectWriter
from mlv.worktree.signature import Signature

if TYPE_CHECKING:
    from mlv.app.record.url_source import UrlState

_BLOCK = 1 << 20
_DISK_ERRORS = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EROFS))


def url_path(url: str) -> RepoPath:
    """Return a URL as records hold it: without credentials and signatures."""
    return RepoPath(escape_name(redact_text(url).encode()))


def find_whole_url(path: RepoPath, urls: Iterable[str]) -> str | None:
    """Return the URL that a record names, None when its credentials are not known any more.

    Args:
        path: As the record has it.
        urls: As they were declared, credentials included.
    """
    known = {url_path(url): url for url in urls}
    return known.get(path, None if REDACTED in path else str(path))


def record_url(objects: ObjectWriter, url: str, *, store: bool) -> KnownInput:
    """Fingerprint what a URL names, and store it if that is wanted.

    Raises:
        UnreadableFileError: It cannot be had.
        StorageError: The disk is full, read-only or failing.
    """
    from mlv.app.record.url_source import open_url, require_whole

    taken_ns = time.time_ns()
    with _errors_in_words(url), open_url(url) as (state, source):
        content = objects.add_stream(source) if store else _hash(source)
        require_whole(state, content.size_bytes)
    return KnownInput(
        path=url_path(url),
        source="declared",
        fingerprint=_of(content),
        signature=_sign(state, taken_ns),
        stored=store,
    )


def fingerprint_url(url: str) -> Fingerprint:
    """Return what a URL names now.

    Raises:
        UnreadableFileError: It cannot be had.
    """
    from mlv.app.record.url_source import open_url, require_whole

    with _errors_in_words(url), open_url(url) as (state, source):
        content = _hash(source)
        require_whole(state, content.size_bytes)
    return _of(content)


def look_again(known: KnownInput, url: str) -> Fingerprint:
    """Return what a URL names now; it is not read when its server says that nothing changed.

    Raises:
        UnreadableFileError: It cannot be had.
    """
    from mlv.app.record.url_source import look_at_url

    try:
        now = _sign(look_at_url(url), time.time_ns())
    except Exception:  # noqa: BLE001  # servers refuse to tell, and still give
        return fingerprint_url(url)
    if known.signature.value and known.signature.proves_unchanged(now):
        return known.fingerprint
    return fingerprint_url(url)


@contextmanager
def _errors_in_words(url: str) -> Iterator[None]:
    try:
        yield
    except StorageError:
        raise
    except MlvError as error:
        message = f"{url_path(url)!r} cannot be read: {error.message}"
        raise UnreadableFileError(message, hint=error.hint) from error
    except ImportError as error:
        scheme = url.partition("://")[0]
        message = f"{url_path(url)!r} cannot be read: {error}"
        raise UnreadableFileError(message, hint=f"pip install 'fsspec[{scheme}]'") from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
            raise
        words = " ".join(str(error).split()).removeprefix("<urlopen error ").removesuffix(">")
        why = redact_text(words) or type(error).__name__
        message = f"{url_path(url)!r} cannot be read: {why}"
        raise UnreadableFileError(message, hint="check the URL given with --input") from error


def _hash(source: BinaryIO) -> Content:
    hasher = blake3()
    size_bytes = 0
    while block := source.read(_BLOCK):
        hasher.update(block)
        size_bytes += len(block)
    return Content(digest=Digest(hasher.hexdigest()), size_bytes=size_bytes)


def _of(content: Content) -> Fingerprint:
    return Fingerprint(kind="file", digest=content.digest, size_bytes=content.size_bytes)


def _sign(state: UrlState, taken_ns: int) -> Signature:
    """Return a signature that is worth something only when the server gave a reason."""
    facts = f"{state.etag}\n{state.modified}\n{state.size_bytes}"
    value = digest_of(facts.encode()) if state.etag or state.modified else ""
    # A time to the second says nothing of changes in the same second.
    newest_ns = 0 if state.etag else state.modified_ns
    return Signature(value=value, newest_ns=newest_ns, taken_ns=taken_ns)
