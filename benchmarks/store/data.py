"""Data that does not compress and is the same on every machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from blake3 import blake3

from benchmarks.units import KIB, MIB, format_size

_BLOCK_BYTES = 16 * MIB
_FILES_PER_DIRECTORY = 1000
_MIN_FILES = 100
_ALLOCATION_BYTES = 4 * KIB
"""What a file system gives out at least."""


class DataSet(msgspec.Struct, frozen=True, kw_only=True):
    """Files whose sizes are spread evenly between two bounds.

    Attributes:
        n_files: How many there are, a thousand in a directory.
        min_bytes: Smallest size of a file.
        max_bytes: Largest size of a file.
    """

    n_files: int
    min_bytes: int
    max_bytes: int

    @property
    def n_bytes(self) -> int:
        """About how much space it takes on a disk."""
        mean = (self.min_bytes + self.max_bytes) // 2
        return self.n_files * (mean + _ALLOCATION_BYTES // 2)

    def scaled(self, factor: float) -> DataSet:
        """Return a data set of `factor` times as many files, or of one file as large."""
        if self.n_files == 1:
            size = max(MIB, int(self.max_bytes * factor))
            return msgspec.structs.replace(self, min_bytes=size, max_bytes=size)
        n_files = max(min(self.n_files, _MIN_FILES), round(self.n_files * factor))
        return msgspec.structs.replace(self, n_files=n_files)

    def __str__(self) -> str:
        size = format_size((self.min_bytes + self.max_bytes) // 2)
        return f"one file of {size}" if self.n_files == 1 else f"{self.n_files:,} files of {size}"


def write_data(data_set: DataSet, directory: Path) -> None:
    """Write all files of a data set in their first version.

    Args:
        data_set: What to write.
        directory: Where it goes; must not exist.
    """
    directory.mkdir()
    for number in range(data_set.n_files):
        if number % _FILES_PER_DIRECTORY == 0:
            _path_of(number, directory).parent.mkdir()
        with _path_of(number, directory).open("wb") as file:
            file.writelines(_content(_size_of(number, data_set), f"file {number}"))


def change_one_file(directory: Path) -> None:
    """Give one file in the middle other content."""
    files = _list_files(directory)
    _change(files[len(files) // 2], seed="one file")


def change_one_percent(directory: Path) -> None:
    """Give every hundredth file other content."""
    for path in _list_files(directory)[::100]:
        _change(path, seed=f"one percent {path.name}")


def append_mebibyte(directory: Path) -> None:
    """Append 1 MiB to the only file, in place, as a program that goes on writing does."""
    [path] = _list_files(directory)
    with path.open("ab") as file:
        file.writelines(_content(MIB, "appended"))


def insert_kibibyte(directory: Path) -> None:
    """Insert 1 KiB in the middle of the only file."""
    [path] = _list_files(directory)
    temporary = path.with_name("temporary")
    with path.open("rb") as old, temporary.open("wb") as new:
        new.writelines(_read_blocks(old.fileno(), path.stat().st_size // 2))
        new.writelines(_content(KIB, "inserted"))
        shutil.copyfileobj(old, new, _BLOCK_BYTES)
    temporary.replace(path)


def fingerprint(directory: Path) -> str:
    """Return a digest of the names and the content of all files, however they are linked."""
    total = blake3()
    for path in _list_files(directory):
        hasher = blake3(max_threads=blake3.AUTO)
        total.update(f"{path.relative_to(directory)}\n".encode())
        total.update(hasher.update_mmap(path).digest())
    return total.hexdigest()


def size_of(directories: Sequence[Path]) -> int:
    """Return the sizes of all files below some directories; one with several names counts once."""
    sizes: dict[tuple[int, int], int] = {}
    pending = [str(directory) for directory in directories if directory.exists()]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                    continue
                with suppress(FileNotFoundError):  # a process in the background removed it
                    status = entry.stat(follow_symlinks=False)
                    sizes[status.st_dev, status.st_ino] = status.st_size
    return sum(sizes.values())


def _path_of(number: int, directory: Path) -> Path:
    return directory / f"d{number // _FILES_PER_DIRECTORY:04d}" / f"f{number:07d}.bin"


def _size_of(number: int, data_set: DataSet) -> int:
    spread = data_set.max_bytes - data_set.min_bytes + 1
    return (
        data_set.min_bytes + int.from_bytes(blake3(b"size %d" % number).digest(8), "big") % spread
    )


def _content(n_bytes: int, seed: str) -> Iterator[bytes]:
    stream = blake3(seed.encode())
    for offset in range(0, n_bytes, _BLOCK_BYTES):
        yield stream.digest(min(_BLOCK_BYTES, n_bytes - offset), seek=offset)


def _read_blocks(descriptor: int, n_bytes: int) -> Iterator[bytes]:
    with open(descriptor, "rb", buffering=0, closefd=False) as file:
        for offset in range(0, n_bytes, _BLOCK_BYTES):
            yield file.read(min(_BLOCK_BYTES, n_bytes - offset))


def _change(path: Path, *, seed: str) -> None:
    temporary = path.with_name("temporary")
    with temporary.open("wb") as file:
        file.writelines(_content(path.stat().st_size, seed))
    temporary.replace(path)


def _list_files(directory: Path) -> list[Path]:
    return sorted(Path(parent, name) for parent, _, names in os.walk(directory) for name in names)
