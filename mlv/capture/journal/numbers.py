"""Whatever a training script logs, as the numbers of the journal.

This module needs the standard library alone.
"""

# ruff: noqa: ANN401
# Values are whatever the user logs; Python 3.8 must do.

from __future__ import annotations

import operator
import struct

from mlv.capture.journal.file import FLOAT_POINT, INT_FLAG, INT_POINT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LEAST_INT = -(1 << 63)
MOST_INT = (1 << 63) - 1


def whole_step(step: Any) -> int:
    """Return a step as a whole number of 64 bits; `3.0` is one, too.

    Raises:
        TypeError, ValueError, OverflowError: It is none.
    """
    try:
        whole = operator.index(step)
    except TypeError:
        if isinstance(step, (str, bytes)):
            raise
        whole = int(step)
        if whole != step:
            message = f"{step!r} is not a whole number"
            raise ValueError(message) from None
    if not LEAST_INT <= whole <= MOST_INT:
        message = f"{whole} does not fit into 64 bits"
        raise OverflowError(message)
    return whole


def pack_point(series: int, step: int, time_ns: int, value: Any) -> bytes:
    """Return a point as the journal holds it; a whole number beyond 64 bits becomes a float.

    Raises:
        Exception: The value is no number; what comes is up to its type.
    """
    if hasattr(value, "item"):  # a scalar of NumPy, torch, JAX or TensorFlow
        value = value.item()
    if isinstance(value, int) and LEAST_INT <= value <= MOST_INT:
        return INT_POINT.pack(series | INT_FLAG, step, time_ns, value)
    if isinstance(value, (str, bytes, bytearray)):
        message = f"{value!r} is not a number"
        raise TypeError(message)
    try:
        return FLOAT_POINT.pack(series, step, time_ns, float(value))
    except struct.error as error:
        raise ValueError(str(error)) from error
