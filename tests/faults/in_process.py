"""Run the command line in this process, so that its calls to the file system are seen."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from unittest.mock import patch

import msgspec

from mlv.cli.main import main


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """A command that has ended: exit code, and what it printed."""

    code: int
    text: str


def mlv(directory: Path, *arguments: str) -> Done:
    """Run `mlv` with `arguments` in a directory."""
    text = StringIO()
    before, threshold = Path.cwd(), gc.get_threshold()
    os.chdir(directory)
    try:
        argv = ["mlv", *arguments]
        with patch.object(sys, "argv", argv), redirect_stdout(text), redirect_stderr(text):
            main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0
        return Done(code=code, text=text.getvalue())
    finally:
        os.chdir(before)
        gc.set_threshold(*threshold)  # what suits one command lets open packs pile up here
    return Done(code=0, text=text.getvalue())
