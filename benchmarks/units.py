"""Numbers with their units, as tables show them."""

from __future__ import annotations

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30

_FEW_S = 10


def format_size(n_bytes: float) -> str:
    """Return a number of bytes with the unit that suits it."""
    for unit, one in (("GiB", GIB), ("MiB", MIB), ("KiB", KIB)):
        if abs(n_bytes) >= one:
            return f"{n_bytes / one:.3g} {unit}"
    return f"{n_bytes:.0f} B"


def format_duration(seconds: float) -> str:
    """Return a duration in milliseconds, or in seconds when it is long."""
    if abs(seconds) < _FEW_S:
        return f"{seconds * 1000:.1f} ms"
    return f"{seconds:.1f} s"
