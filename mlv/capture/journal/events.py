"""What a training script says of its run, as the events of the journal.

This module needs the standard library alone.
"""

# ruff: noqa: ANN401
# Values are whatever the user logs.

from __future__ import annotations

import json
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def encode_event(kind: str, data: object) -> bytes:
    """Return an event as the journal holds it.

    Raises:
        Exception: The data cannot be kept; what comes is up to its types.
    """
    event = {"kind": kind, "time_ns": time.time_ns(), "data": data}
    return json.dumps(event, default=_plain, skipkeys=True).encode()


def _plain(value: Any) -> object:
    """Return what JSON can hold in place of an object that it cannot."""
    if hasattr(value, "tolist"):  # NumPy and torch
        return value.tolist()
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=str)
    return vars(value) if hasattr(value, "__dict__") and not callable(value) else str(value)
