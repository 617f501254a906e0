"""Reach into a store, past the code that keeps it whole: to damage it, and to see all of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mlv.store.layout import Layout
from mlv.store.pack_file import PackFile
from mlv.store.pack_format import RECORD_BYTES, PackEntry
from mlv.store.pack_writer import PackWriter
from mlv.store.packs import list_packs


def read_all(store: Path) -> Iterator[bytes]:
    """Yield the bytes of every object and recipe."""
    layout = Layout(store)
    for path in list_packs(layout):
        pack = PackFile(path, keep_open=False)
        yield from (pack.read(entry) for entry in pack.scan())
    yield from (path.read_bytes() for path in layout.objects.glob("??/*"))


def damage_object(store: Path, digest: str) -> None:
    """Change the last byte of every copy of an object, as a failing disk may."""
    for path, entry in _records(store, digest):
        _flip(path, entry.end - 1)
    whole = store / "objects" / digest[:2] / digest[2:]
    if whole.exists():
        _flip(whole, whole.stat().st_size - 1)


def remove_object(store: Path, digest: str) -> None:
    """Remove every copy of an object, and nothing else."""
    for path, _ in _records(store, digest):
        pack = PackFile(path)
        writer = PackWriter(Layout(store))
        for entry in pack.scan():
            if entry.digest.hex() != digest:
                start = entry.offset + RECORD_BYTES
                payload = path.read_bytes()[start : entry.end]
                writer.add_payload(
                    entry.digest, entry.size, payload, codec=entry.codec, kind=entry.kind
                )
        writer.publish()
        path.unlink()
    (store / "objects" / digest[:2] / digest[2:]).unlink(missing_ok=True)


def _records(store: Path, digest: str) -> list[tuple[Path, PackEntry]]:
    found = [
        (path, PackFile(path, keep_open=False).index.find(bytes.fromhex(digest)))
        for path in list_packs(Layout(store))
    ]
    return [(path, entry) for path, entry in found if entry is not None]


def _flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    path.chmod(0o444)
