"""Take secrets out of what a script logged, before it becomes part of a record.

The journal of a run in progress holds them; it is removed when the run is sealed.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from mlv.capture.journal_reader import Journal
from mlv.capture.redact import Redactor
from mlv.core.enumeration import enumerate_some


def redact_journal(journal: Journal, allowed: Sequence[str]) -> Journal:
    """Return what was logged without secrets; what was taken out is a problem of the run.

    Args:
        journal: What the script logged.
        allowed: Names that look like secrets and are none.
    """
    redactor = Redactor(allowed)
    redacted = msgspec.structs.replace(
        journal,
        params=redactor.redact_tree(journal.params),
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


def _redact(redactor: Redactor, text: str | None, name: str) -> str | None:
    return None if text is None else redactor.redact_text(text, name=name)
