"""How use cases tell a person what they do, without printing."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Reporter(Protocol):
    """Takes what a use case has to say while it works."""

    def note(self, text: str) -> None:
        """Take something worth knowing."""

    def warn(self, text: str, *, hint: str | None = None) -> None:
        """Take something that the person should look into."""

    def working(self, what: str) -> AbstractContextManager[None]:
        """Take what the block does, which may take long."""


class SilentReporter:
    """Says nothing."""

    def note(self, text: str) -> None:
        """Do nothing."""

    def warn(self, text: str, *, hint: str | None = None) -> None:
        """Do nothing."""

    def working(self, _what: str) -> AbstractContextManager[None]:
        """Do nothing."""
        return nullcontext()
