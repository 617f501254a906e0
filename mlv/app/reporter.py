"""How use cases tell a person what they do, without printing."""

from __future__ import annotations

from typing import Protocol


class Reporter(Protocol):
    """Takes what a use case has to say while it works."""

    def note(self, text: str) -> None:
        """Take something worth knowing."""

    def warn(self, text: str, *, hint: str | None = None) -> None:
        """Take something that the person should look into."""


class SilentReporter:
    """Says nothing."""

    def note(self, text: str) -> None:
        """Do nothing."""

    def warn(self, text: str, *, hint: str | None = None) -> None:
        """Do nothing."""
