"""Find what is wrong with the words of a request, before anything is done."""

from __future__ import annotations

from typing import Protocol

from mlv.core.run_ref import means_something_else
from mlv.errors import UsageError


class WordsRequest(Protocol):
    """The part of a run request that is text."""

    @property
    def argv(self) -> tuple[str, ...]:
        """The command."""

    @property
    def name(self) -> str | None:
        """What the run is to be called."""

    @property
    def tags(self) -> tuple[str, ...]:
        """Its tags."""

    @property
    def note(self) -> str:
        """A remark for people."""


def check_words(request: WordsRequest) -> None:
    """Refuse what a record cannot hold, and a name that could never be asked for.

    Raises:
        UsageError: A word is not UTF-8, or the name means another run.
    """
    for word in (*request.argv, request.name or "", *request.tags, request.note):
        try:
            word.encode()
        except UnicodeEncodeError as error:
            message = f"{word!a} is not UTF-8 text, so it cannot be recorded"
            raise UsageError(message, hint="rename the file that it names") from error
    if request.name is not None and means_something_else(request.name):
        message = f"a run cannot be called {request.name!r}: that means another run already"
        raise UsageError(message, hint="choose another name with --name")
