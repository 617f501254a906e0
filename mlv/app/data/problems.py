"""Report all problems of one request together."""

from __future__ import annotations

from collections.abc import Sequence

from mlv.errors import MlvError


def raise_problems(problems: Sequence[MlvError]) -> None:
    """Raise what is wrong, as one error; nothing happens when nothing is.

    Raises:
        MlvError: Of the class of the first problem.
    """
    if not problems:
        return
    first = problems[0]
    if len(problems) == 1:
        raise first
    lines = [each.message + (f" ({each.hint})" if each.hint else "") for each in problems]
    message = f"{len(problems)} problems:" + "".join(f"\n  {line}" for line in lines)
    raise type(first)(message)
