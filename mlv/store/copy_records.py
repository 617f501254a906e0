"""Copy records from one pack into others, each verified on the way."""

from __future__ import annotations

from mlv.store.pack_file import DamagedPackError, PackFile, decode_payload
from mlv.store.pack_format import RECIPE, PackEntry
from mlv.store.pack_writer import PackWriter
from mlv.store.recipes import decode_recipe


def copy_record(pack: PackFile, entry: PackEntry, writer: PackWriter) -> None:
    """Add a record to the pack that is being written, as it is packed now.

    Raises:
        DamagedPackError: It is damaged.
        FileNotFoundError: The pack is not there any more.
        OSError: The disk is full or failing.
    """
    add_once(entry, read_verified(pack, entry), writer)


def salvage_record(pack: PackFile, entry: PackEntry, writer: PackWriter) -> None:
    """Add a record whose payload is good, even when its header is not.

    Raises:
        DamagedPackError: The payload is damaged.
        OSError: The disk is full or failing.
    """
    add_once(entry, _verify(pack, entry, pack.read_bare(entry)), writer)


def add_once(entry: PackEntry, payload: bytes, writer: PackWriter) -> None:
    """Add a verified payload, unless the object was added already.

    Raises:
        OSError: The disk is full or failing.
    """
    if entry.digest not in writer:
        writer.add_payload(entry.digest, entry.size, payload, codec=entry.codec, kind=entry.kind)


def read_verified(pack: PackFile, entry: PackEntry) -> bytes:
    """Return the payload of a record, known to hold the object or recipe that it should.

    Raises:
        DamagedPackError: It does not.
        FileNotFoundError: The pack is not there any more.
        OSError: The disk is failing.
    """
    return _verify(pack, entry, pack.read_payload(entry))


def _verify(pack: PackFile, entry: PackEntry, payload: bytes) -> bytes:
    try:
        data = decode_payload(entry, payload)
        if entry.kind == RECIPE:
            decode_recipe(data, size=entry.size)
    except ValueError as error:
        raise DamagedPackError(f"{error} in pack {pack.name[:12]}") from error
    return payload
