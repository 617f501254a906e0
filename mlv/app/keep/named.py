"""Find what a record names, whatever its type."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from mlv.core.run import Content, Input
from mlv.core.tree import Fingerprint


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """Something in the store that a record names.

    Attributes:
        named: The object, or the fingerprint.
        required: Whether it ought to be in the store.
    """

    named: Content | Fingerprint
    required: bool


def find_named(record: object, *, required: bool = True) -> Iterator[Named]:
    """Yield everything that a record names, at any depth.

    A field that is added to a record some day is found as well.

    Args:
        record: A record, or a part of one.
        required: Whether what it names ought to be in the store.
    """
    if isinstance(record, Content | Fingerprint):
        yield Named(named=record, required=required)
    elif isinstance(record, msgspec.Struct):
        required = required and getattr(record, "stored", True)
        for name in record.__struct_fields__:
            # What a command made of its own input is described, and kept if it happens to be there.
            is_side_effect = isinstance(record, Input) and name == "after"
            yield from find_named(getattr(record, name), required=required and not is_side_effect)
    elif isinstance(record, dict):
        for value in record.values():
            yield from find_named(value, required=required)
    elif isinstance(record, tuple | list):
        for value in record:
            yield from find_named(value, required=required)
