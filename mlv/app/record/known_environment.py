"""Environment records in the store, one of which may have been damaged there.

Many runs share one, so that a single rotten object would stand in the way of all of them:
what cannot be read is unknown, and is stored again by the next run that has it.
"""

from __future__ import annotations

from mlv.app.workspace import Workspace
from mlv.core.canonical import encode_record
from mlv.core.environment import Environment
from mlv.core.run import Content
from mlv.errors import CorruptDataError, MissingObjectError
from mlv.store.failures import storage_errors
from mlv.store.pack_writer import PackWriter


def find_environment(workspace: Workspace, content: Content) -> Environment | None:
    """Return an environment record, None when it is damaged or gone.

    Raises:
        StorageError: The disk is failing.
    """
    try:
        return workspace.objects.read_record(content, Environment)
    except (CorruptDataError, MissingObjectError):
        return None


def store_environment(workspace: Workspace, environment: Environment) -> Content:
    """Store an environment record; a damaged copy that is there already does not count.

    Raises:
        StorageError: The disk is full, read-only or failing.
    """
    with workspace.objects.transaction() as objects:
        content = objects.add_record(environment)
        if find_environment(workspace, content) is None:
            _store_beside(workspace, content, encode_record(environment))
    return content


def _store_beside(workspace: Workspace, content: Content, data: bytes) -> None:
    """Store an object in a pack of its own: a reader takes the copy that is not damaged."""
    with storage_errors("store the environment again"):
        writer = PackWriter(workspace.layout)
        try:
            writer.add(bytes.fromhex(content.digest), data)
            writer.publish()
        finally:
            writer.discard()
