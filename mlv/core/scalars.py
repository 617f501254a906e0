"""Numbers as records hold them.

JSON knows neither NaN nor infinity, and a training run knows both. In a record
they are the texts `"nan"`, `"inf"` and `"-inf"`.

Source: docs/reference/store-format.md, "Metric values".
"""

from __future__ import annotations

import math
from typing import Literal

Scalar = int | float | Literal["nan", "inf", "-inf"]
"""A number in a record."""


def scalar_of(number: float) -> Scalar:
    """Return `number` as a record holds it.

    >>> scalar_of(0.5), scalar_of(float("nan")), scalar_of(float("-inf"))
    (0.5, 'nan', '-inf')
    """
    if math.isnan(number):
        return "nan"
    if math.isinf(number):
        return "inf" if number > 0 else "-inf"
    return number


def number_of(scalar: Scalar) -> float:
    """Return the number that `scalar_of` was given; whole numbers stay whole."""
    return float(scalar) if isinstance(scalar, str) else scalar


def same_number(old: float, new: float) -> bool:
    """Tell whether two numbers are equal, where NaN equals NaN."""
    return old == new or (math.isnan(old) and math.isnan(new))
