from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module",
    ["mlv.git.discovery", "mlv.git.redact", "mlv.git.repository", "mlv.git.snapshot"],
)
def test_import_does_not_load_gitpython(module: str) -> None:
    program = f"import sys, {module}; print('git' in sys.modules, 'gitdb' in sys.modules)"

    finished = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
    )

    assert finished.stdout == "False False\n"


def test_import_of_discovery_loads_the_standard_library_alone() -> None:
    program = (
        "import sys; before = set(sys.modules); import mlv.git.discovery;"
        "names = {name.partition('.')[0] for name in set(sys.modules) - before};"
        "print(sorted(names - set(sys.stdlib_module_names)))"
    )

    finished = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
    )

    assert finished.stdout == "['mlv']\n"
