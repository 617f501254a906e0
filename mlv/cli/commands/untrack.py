"""`mlv untrack`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlv.cli.options import JsonOption


def untrack(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH", help="Tracked data, or its pointer.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Stop tracking data: remove its pointer, and keep the data.

    The rule that mlv wrote into `.gitignore` goes as well, so Git sees the data from
    now on. Versions that were tracked before stay in the store.

    Examples:
        mlv untrack data/
        mlv untrack model.pkl scaler.pkl

    Exit codes:
        0  done
        3  it is not tracked
    """
    from mlv.app.data.untrack import untrack as untrack_data
    from mlv.cli.render.data import print_untracked
    from mlv.cli.session import open_here

    here = Path.cwd()
    result = untrack_data(open_here(), [here / path for path in paths])
    print_untracked(result, as_json=as_json)
