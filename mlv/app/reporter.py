"""How use cases tell a person what they do, without printing."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Literal, Protocol

Unit = Literal["files", "bytes"]
"""What a piece of work is counted in."""


class Progress(Protocol):
    """Takes how far one piece of work has come."""

    def advance(self, n: int) -> None:
        """Take that `n` more of its units are done."""


class Reporter(Protocol):
    """Takes what a use case has to say while it works."""

    def note(self, text: str) -> None:
        """Take something worth knowing."""

    def warn(self, text: str, *, hint: str | None = None) -> None:
        """Take something that the person should look into."""

    def working(self, what: str) -> AbstractContextManager[None]:
        """Take what the block does, which may take long."""

    def progress(
        self, what: str, total: int | None, unit: Unit
    ) -> AbstractContextManager[Progress]:
        """Take what the block does, and how much of it there is, if that is known."""


class SilentProgress:
    """Counts nothing."""

    def advance(self, n: int) -> None:
        """Do nothing."""


class SilentReporter:
    """Says nothing."""

    def note(self, text: str) -> None:
        """Do nothing."""

    def warn(self, text: str, *, hint: str | None = None) -> None:
        """Do nothing."""

    def working(self, _what: str) -> AbstractContextManager[None]:
        """Do nothing."""
        return nullcontext()

    def progress(
        self, _what: str, _total: int | None, _unit: Unit
    ) -> AbstractContextManager[Progress]:
        """Do nothing."""
        return nullcontext(SilentProgress())
