"""Tell the symbolic links that stand for objects of the store from those of the user."""

from __future__ import annotations

import os

from mlv.core.digest import Digest, parse_digest


def find_linked_object(pile: bytes, directory: bytes, target: bytes) -> Digest | None:
    """Return the object that a symbolic link stands for, None for a link of the user.

    Nothing is looked up on the disk, so the object may be missing.

    Args:
        pile: Where the whole objects of the store are, without symbolic links.
        directory: Where the link is, without symbolic links.
        target: What it points to, as `readlink` says.
    """
    full = os.path.normpath(target if target.startswith(b"/") else directory + b"/" + target)
    if not full.startswith(pile + b"/"):
        return None
    shard, _, rest = full[len(pile) + 1 :].partition(b"/")
    try:
        return parse_digest((shard + rest).decode()) if len(shard) == 2 else None  # noqa: PLR2004
    except ValueError:
        return None
