"""Append operations: who, when and why come from here."""

from __future__ import annotations

import getpass
import os
import time
from collections.abc import Sequence

import msgspec

from mlv.app.workspace import Workspace
from mlv.capture.redact import Redactor
from mlv.core.operation import Actor, Change, LoggedOperation, Operation, next_time


class Invocation(msgspec.Struct, frozen=True, kw_only=True):
    """Who asked for something, and with which words.

    Attributes:
        actor: The person.
        argv: The command line, secrets redacted.
        reason: Why, if they said so.
    """

    actor: Actor
    argv: tuple[str, ...] = ()
    reason: str | None = None


def read_invocation(
    workspace: Workspace,
    argv: Sequence[str],
    *,
    reason: str | None = None,
    allow_secrets: Sequence[str] = (),
) -> Invocation:
    """Return who is at work, and with which words; secrets in them are redacted.

    Args:
        workspace: Where.
        argv: The command line.
        reason: Why, if they said so.
        allow_secrets: Names that look like secrets and are none, beside those of `mlv.yaml`.
    """
    redactor = Redactor((*workspace.settings.project.allow_secrets, *allow_secrets))
    return Invocation(
        actor=Actor(git=workspace.git.identity(), user=user_name(), host=os.uname().nodename),
        argv=redactor.redact_argv(argv),
        reason=None if reason is None else redactor.redact_text(reason, name="reason"),
    )


def user_name() -> str:
    """Return the name of the operating-system user, or their number when they have none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def publish(workspace: Workspace, invocation: Invocation, change: Change) -> LoggedOperation:
    """Append one operation to the log of this clone.

    What it refers to is durable: no transaction of the store is open.

    Raises:
        CorruptDataError: The log is damaged.
        StorageError: The disk is full, read-only or failing; nothing was appended.
    """
    if workspace.objects.is_writing:
        message = "an operation must not be published before the objects that it names"
        raise RuntimeError(message)
    wall_ms = time.time_ns() // 1_000_000

    def build(last: LoggedOperation | None) -> Operation:
        return Operation(
            clone=workspace.clone,
            previous=last.id if last else None,
            time=next_time(last.operation.time if last else None, wall_ms),
            actor=invocation.actor,
            argv=invocation.argv,
            reason=invocation.reason,
            change=change,
        )

    return workspace.operations.append(build)
