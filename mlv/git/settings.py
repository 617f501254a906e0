"""Read the settings of a repository that a record tells of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlv.git.command import Question
from mlv.git.redact import redact_url

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from mlv.git.command import GitCommand, Output

Setting = tuple[str, str]
"""Key and value."""


def settings_question(pattern: str) -> Question:
    """Return the question for all settings whose keys match a regular expression."""
    return Question(arguments=("config", "-z", "--get-regexp", pattern), accept=(0, 1))


REMOTES_QUESTION = settings_question(r"^remote\..*\.url$")
"""What `remotes_of` tells of."""


def parse_settings(answer: Output) -> tuple[Setting, ...]:
    """Return the settings, in the order in which they were made."""
    records = answer.stdout.decode("utf-8", "replace").split("\0")[:-1]
    pairs = (record.partition("\n") for record in records)
    return tuple((key, value) for key, _, value in pairs)


def read_settings(command: GitCommand, pattern: str) -> tuple[Setting, ...]:
    """Return all settings whose keys match a regular expression."""
    return parse_settings(*command.ask_together(settings_question(pattern)))


def read_settings_file(command: GitCommand, file: Path, pattern: str) -> tuple[Setting, ...]:
    """Return all settings of a file whose keys match a regular expression."""
    if not file.is_file():
        return ()
    arguments = ("config", "--file", str(file), "-z", "--get-regexp", pattern)
    return parse_settings(command.ask(*arguments, accept=(0, 1)))


def remotes_of(settings: Iterable[Setting]) -> dict[str, str]:
    """Return the first URL of each remote, without credentials."""
    remotes: dict[str, str] = {}
    for key, value in settings:
        if key.startswith("remote.") and key.endswith(".url"):
            name = key.removeprefix("remote.").removesuffix(".url")
            remotes.setdefault(name, redact_url(value))
    return remotes
