"""Take secrets out of what a script logged, before it becomes part of a record.

The journal of a run in progress holds them; it is removed when the run is sealed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec

from mlv.capture.journal.reader import Journal
from mlv.capture.redact import Redactor
from mlv.core.enumeration import enumerate_some
from mlv.core.run import ParamTree
from mlv.core.secret_shapes import find_secret

ValueT = TypeVar("ValueT")


def redact_journal(journal: Journal, allowed: Sequence[str]) -> Journal:
    """Return what was logged without secrets; what was taken out is a problem of the run.

    Args:
        journal: What the script logged.
        allowed: Names that look like secrets and are none.
    """
    redactor = Redactor(allowed)
    redacted = msgspec.structs.replace(
        journal,
        series=_rename(redactor, journal.series, "metric name"),
        hidden=_rename(redactor, journal.hidden, "metric name"),
        summary=_rename(redactor, journal.summary, "metric name"),
        params=_rename_all(redactor, redactor.redact_tree(journal.params)),
        tags=tuple(redactor.redact_text(tag, name="tag") for tag in journal.tags),
        name=_redact(redactor, journal.name, "name"),
        note=_redact(redactor, journal.note, "note"),
        problems=tuple(redactor.redact_text(each, name="problem") for each in journal.problems),
    )
    if not redactor.taken:
        return redacted
    names = enumerate_some(list(redactor.taken))
    problem = f"the script logged what looks like a secret, which was not recorded: {names}"
    return msgspec.structs.replace(redacted, problems=(*redacted.problems, problem))


def _rename(redactor: Redactor, values: Mapping[str, ValueT], what: str) -> dict[str, ValueT]:
    """Return values with secrets taken out of their names, which stay different."""
    renamed: dict[str, ValueT] = {}
    for name, value in values.items():
        plain = redactor.redact_text(name, name=what) if find_secret(name) else name
        own, n = plain, 1
        while own in renamed or (own != name and own in values):
            n += 1
            own = f"{plain}-{n}"
        renamed[own] = value
    return renamed


def _rename_all(redactor: Redactor, value: ParamTree) -> ParamTree:
    renamed = _rename(redactor, value, "param name")
    return {name: _rename_inside(redactor, each) for name, each in renamed.items()}


def _rename_inside(redactor: Redactor, value: object) -> object:
    if isinstance(value, dict):
        return _rename_all(redactor, value)
    if isinstance(value, list):
        return [_rename_inside(redactor, each) for each in value]
    return value


def _redact(redactor: Redactor, text: str | None, name: str) -> str | None:
    return None if text is None else redactor.redact_text(text, name=name)
