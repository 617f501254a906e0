"""The operation log: one file a clone, one line an operation.

A line is the operation's digest, a space, and its canonical JSON. Only the
clone that a file belongs to appends to it, under an exclusive lock, so that
operations form a chain. A line that a crash left unfinished was never
published; the next append removes it.

Source: docs/reference/store-format.md, "Operation log".
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mlv.core.canonical import decode_record, encode_record
from mlv.core.digest import Digest, digest_of
from mlv.core.operation import LoggedOperation, Operation
from mlv.errors import CorruptDataError
from mlv.store.durable import sync_directory, write_all
from mlv.store.failures import storage_errors

_DIGEST_LENGTH = 64


class OperationLog:
    """The chains of all clones that this store knows."""

    def __init__(self, directory: Path, clone: str) -> None:
        self._directory = directory
        self._clone = clone

    def read(self) -> tuple[LoggedOperation, ...]:
        """Return all operations of all clones; those of one clone in order.

        Raises:
            CorruptDataError: A line was changed, or one is missing in between.
            StorageError: A file cannot be read.
        """
        with storage_errors("read the operation log"):
            files = {path: path.read_bytes() for path in sorted(self._directory.glob("*.log"))}
        return tuple(logged for path, data in files.items() for logged in _read_chain(path, data))

    def read_undamaged(self) -> tuple[tuple[LoggedOperation, ...], tuple[CorruptDataError, ...]]:
        """Return the operations that can be believed, and what is wrong with the others.

        Of a damaged chain, those before the damage.

        Raises:
            StorageError: A file cannot be read.
        """
        with storage_errors("read the operation log"):
            files = {path: path.read_bytes() for path in sorted(self._directory.glob("*.log"))}
        operations: list[LoggedOperation] = []
        faults: list[CorruptDataError] = []
        for path, data in files.items():
            operations += _iterate_to_damage(path, data, faults)
        return tuple(operations), tuple(faults)

    def count_own(self) -> int:
        """Return how many operations this clone has published, without a look at them.

        Raises:
            StorageError: The file cannot be read.
        """
        path = self._directory / f"{self._clone}.log"
        with storage_errors("read the operation log"):
            return path.read_bytes().count(b"\n") if path.exists() else 0

    def append(self, build: Callable[[LoggedOperation | None], Operation]) -> LoggedOperation:
        """Append one operation to the chain of this clone, durably.

        Args:
            build: Makes the operation, given the last one of the chain.

        Raises:
            CorruptDataError: The chain is damaged.
            StorageError: The disk is full, read-only or failing; nothing was appended.
        """
        path = self._directory / f"{self._clone}.log"
        with storage_errors("write the operation log"), _locked(path) as descriptor:
            data = _read_all(descriptor)
            chain = _read_chain(path, data)
            whole = data.rfind(b"\n") + 1
            os.ftruncate(descriptor, whole)
            operation = build(chain[-1] if chain else None)
            encoded = encode_record(operation)
            digest = digest_of(encoded)
            try:
                write_all(descriptor, f"{digest} ".encode() + encoded + b"\n")
                os.fdatasync(descriptor)
                if not whole:
                    sync_directory(path.parent)
            except OSError:
                os.ftruncate(descriptor, whole)
                raise
        return LoggedOperation(id=digest, operation=operation)


def _read_chain(path: Path, data: bytes) -> list[LoggedOperation]:
    return list(_iterate_chain(path, data))


def _iterate_to_damage(
    path: Path, data: bytes, faults: list[CorruptDataError]
) -> Iterator[LoggedOperation]:
    try:
        yield from _iterate_chain(path, data)
    except CorruptDataError as error:
        faults.append(error)


def _iterate_chain(path: Path, data: bytes) -> Iterator[LoggedOperation]:
    *lines, unfinished = data.split(b"\n")
    last: Digest | None = None
    for number, line in enumerate(lines, start=1):
        logged = _parse_line(path, number, line)
        if logged.operation.previous != last:
            raise _damaged(path, number, "it does not follow the line before it")
        last = logged.id
        yield logged
    if _is_whole(unfinished[:-1]):
        # A crash cuts a line short; it does not put another byte in place of the newline.
        raise _damaged(path, len(lines) + 1, "its end is wrong")


def _is_whole(line: bytes) -> bool:
    encoded = line[_DIGEST_LENGTH + 1 :]
    return line[: _DIGEST_LENGTH + 1] == f"{digest_of(encoded)} ".encode()


def _parse_line(path: Path, number: int, line: bytes) -> LoggedOperation:
    if not _is_whole(line):
        raise _damaged(path, number, "its digest is wrong")
    digest = Digest(line[:_DIGEST_LENGTH].decode())
    try:
        operation = decode_record(line[_DIGEST_LENGTH + 1 :], Operation)
    except ValueError as error:
        raise _damaged(path, number, str(error)) from error
    return LoggedOperation(id=digest, operation=operation)


def _damaged(path: Path, number: int, reason: str) -> CorruptDataError:
    message = f"line {number} of the operation log {path} is damaged: {reason}"
    return CorruptDataError(message, hint="restore the file from a backup")


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
    descriptor = os.open(path, flags, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _read_all(descriptor: int) -> bytes:
    size = os.fstat(descriptor).st_size
    data = b""
    while len(data) < size:
        block = os.pread(descriptor, size - len(data), len(data))
        if not block:
            break
        data += block
    return data
