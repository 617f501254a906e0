"""What a fresh interpreter loads: start-up time, measured in modules instead of seconds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

PROBE = """
import sys
before = set(sys.modules)
try:
    exec(sys.argv.pop(1))
except SystemExit as stop:
    if stop.code:
        raise
print("loaded:", *sorted(set(sys.modules) - before))
"""

HEAVY = frozenset(
    "blake3 boto3 botocore dvc_objects fsspec git numpy pandas psutil pyarrow sqlite3 tabulate "
    "yaml zstandard mlv.api mlv.app mlv.capture mlv.git mlv.store mlv.worktree".split()
)
"""Modules that no command needs before it starts its work."""


def _modules_loaded_by(code: str, *arguments: str) -> frozenset[str]:
    """Run `code` in a fresh interpreter; return the modules that it loaded."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, code, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return frozenset(done.stdout.splitlines()[-1].split()[1:])


def test_import_mlv_loads_only_the_standard_library() -> None:
    loaded = {name.partition(".")[0] for name in _modules_loaded_by("import mlv")}
    assert loaded - sys.stdlib_module_names == {"mlv"}


def test_import_of_the_command_line_loads_nothing_heavy() -> None:
    assert _modules_loaded_by("import mlv.cli.main") & (HEAVY | {"rich"}) == set()


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_global_option_loads_nothing_heavy(option: str) -> None:
    code = "from mlv.cli.main import main; main()"
    assert _modules_loaded_by(code, option) & HEAVY == set()
