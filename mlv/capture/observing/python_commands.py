"""Commands named `python` that are watched whatever a shell does to their environment.

`PYTHONPATH=src python train.py` in a script of the shell, or in a Makefile, takes away the
variable by which the observer is found. So a shell finds, first on its `PATH`, small
scripts of these names, which put the variable back and become the Python that the name
stood for. A virtual environment that is activated later comes before them.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path

_NAMES = ("python", "python3", *(f"python3.{minor}" for minor in range(8, 16)))
_SCRIPT = """#!/bin/sh
{exports}
case ":$PYTHONPATH:" in
    *:{observer}:*) ;;
    *) PYTHONPATH={observer}"${{PYTHONPATH:+:$PYTHONPATH}}"; export PYTHONPATH ;;
esac
exec {python} "$@"
"""


def lead_pythons(
    directory: Path, variables: Mapping[str, str], observer: Path, path: str
) -> dict[str, str]:
    """Write the scripts, and return the variable by which they are found.

    Args:
        directory: Where they go; made when there is anything to write.
        variables: What every process of the run is told.
        observer: What has to be on `PYTHONPATH`.
        path: `PATH` as the command would get it otherwise.

    Raises:
        OSError: The disk is full, read-only or failing.
    """
    found = {name: python for name in _NAMES if (python := shutil.which(name, path=path))}
    if not found:
        return {}
    directory.mkdir(exist_ok=True)
    exports = "\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items())
    for name, python in found.items():
        script = directory / name
        text = _SCRIPT.format(
            exports=exports, observer=shlex.quote(str(observer)), python=shlex.quote(python)
        )
        script.write_bytes(os.fsencode(text))
        script.chmod(0o755)
    return {"PATH": f"{directory}{os.pathsep}{path}"}
