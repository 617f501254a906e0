"""A file or a function that outgrew its reader fails here."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "mlv").rglob("*.py"))

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 50


def _relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _long_functions(source: str) -> list[str]:
    return [
        f"{node.name} has {_n_lines(node)} lines"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and _n_lines(node) > MAX_FUNCTION_LINES
    ]


def _n_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines of the body; documenting a function must not make it too long."""
    documented = ast.get_docstring(function) is not None and len(function.body) > 1
    first, last = function.body[int(documented)], function.body[-1]
    return (last.end_lineno or last.lineno) - first.lineno + 1


@pytest.mark.parametrize("module", MODULES, ids=_relative)
def test_module_is_short_enough_to_read(module: Path) -> None:
    assert len(module.read_text().splitlines()) <= MAX_FILE_LINES


@pytest.mark.parametrize("module", MODULES, ids=_relative)
def test_module_has_no_long_function(module: Path) -> None:
    assert _long_functions(module.read_text()) == []


def test_long_function_is_found() -> None:
    body = "    pass\n" * (MAX_FUNCTION_LINES + 1)
    assert _long_functions(f"def long() -> None:\n{body}") == ["long has 51 lines"]
