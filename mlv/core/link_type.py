"""How a worktree and the store share the bytes of a file."""

from __future__ import annotations

from typing import Literal

SharedLinkType = Literal["reflink", "hardlink", "symlink"]
"""The ways in which a file of the worktree and a whole object can be one copy of the bytes."""

UsedLinkType = Literal["copy", "reflink", "hardlink", "symlink"]
"""What `auto` comes down to on a given file system, and all else that is not `auto`."""

LinkType = Literal["auto", "copy", "reflink", "hardlink", "symlink"]
"""What a project can ask for.

`auto` shares blocks where the file system can (`reflink`), else it is `copy`. With
`hardlink` and `symlink` the files of the worktree are read-only, for to edit one would be
to edit the object.
"""
