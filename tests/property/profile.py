"""How much Hypothesis tries: the same examples every time, and few enough to stay quick."""

from __future__ import annotations

from hypothesis import settings

PURE = settings(max_examples=100, derandomize=True, deadline=None, database=None)
"""For functions that touch no disk."""

ON_DISK = settings(PURE, max_examples=25, stateful_step_count=20)
"""For what writes files."""
