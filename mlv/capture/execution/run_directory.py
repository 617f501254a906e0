"""What a script may put into the directory of its run, besides its journal.

This module needs the standard library alone.
"""

from __future__ import annotations

NESTED = "nested"
"""Holds a directory for each run that was started inside another one, named by its id."""

ATTACHMENTS = "attachments"
"""Holds figures, tables and texts under their names; what begins with a dot is unfinished."""

MAX_ATTACHMENT_BYTES = 64 << 20
"""A larger one is not kept."""
