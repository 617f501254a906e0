"""`mlv merge-pointer`, which Git calls."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer


def merge_pointer(
    base: Annotated[Path, typer.Argument(metavar="BASE", help="What both were made from (%O).")],
    ours: Annotated[Path, typer.Argument(metavar="OURS", help="The version here (%A).")],
    theirs: Annotated[Path, typer.Argument(metavar="THEIRS", help="The version there (%B).")],
    path: Annotated[str, typer.Argument(metavar="PATH", help="Path of the pointer (%P).")],
) -> None:
    """Merge two versions of a pointer, file by file; Git calls this.

    Examples:
        git config merge.mlv.driver 'mlv merge-pointer %O %A %B %P'
        mlv merge-pointer base ours theirs data.mlv

    Exit codes:
        0  merged
        1  both sides changed the same file; the merged pointer has our side of it
        3  a version cannot be read, or its content is not in the store
    """
    from mlv.app.data.merge import MergeRequest
    from mlv.app.data.merge import merge_pointer as merge
    from mlv.cli.render.data import print_conflicts
    from mlv.cli.session import open_here

    here = Path.cwd()
    request = MergeRequest(
        base=here / base, ours=here / ours, theirs=here / theirs, path=os.fsencode(path)
    )
    result = merge(open_here(), request)
    print_conflicts(result)
    raise typer.Exit(int(bool(result.conflicts)))
