"""Let two files share their blocks until one of them changes."""

from __future__ import annotations

import errno
import fcntl

_FICLONE = 0x40049409
"""Source: Linux, ioctl_ficlonerange(2)."""

_CANNOT = frozenset((errno.EOPNOTSUPP, errno.ENOTTY, errno.ENOSYS, errno.EINVAL, errno.EXDEV))


def clone_file(source: int, target: int) -> bool:
    """Make an open file hold what another holds, without a second copy of the bytes.

    The content is that of one moment: writes to `source` come before it or after it.

    Args:
        source: Open for reading.
        target: Open for writing, and empty.

    Returns:
        False when the file systems cannot do that; `target` is still empty.

    Raises:
        OSError: The disk is full or failing.
    """
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError as error:
        if error.errno in _CANNOT:
            return False
        raise
    return True
