"""Records as canonical bytes: equal records have equal bytes, and so equal digests.

Canonical JSON: keys sorted, no white space, UTF-8, numbers in their shortest
form that reads back equal, no NaN and no infinity.

Source: docs/reference/store-format.md, "Records".
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

RecordT = TypeVar("RecordT", bound=msgspec.Struct)


def encode_record(record: msgspec.Struct) -> bytes:
    """Return the canonical bytes of `record`.

    Raises:
        ValueError: The record would not read back equal, for example because it
            holds a NaN that was not turned into text with `scalar_of`.
    """
    data = msgspec.json.encode(record, order="sorted")
    try:
        same = msgspec.json.decode(data, type=type(record)) == record
    except msgspec.ValidationError as error:
        message = f"this {type(record).__name__} would not read back: {error}"
        raise ValueError(message) from error
    if not same:
        message = f"this {type(record).__name__} would not read back equal"
        raise ValueError(message)
    return data


def decode_record(data: bytes, record_type: type[RecordT]) -> RecordT:
    """Return the record that `data` encodes.

    Raises:
        ValueError: `data` is not a record of that type; the message names the
            field that is wrong.
    """
    try:
        return msgspec.json.decode(data, type=record_type)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        message = f"not a {record_type.__name__}: {error}"
        raise ValueError(message) from error
