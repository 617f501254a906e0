"""How long it takes until mlv begins to work."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.measure import Case, measure_in_turn
from benchmarks.report import Comparison, Limit, Quantity
from benchmarks.repository import GIT_ENVIRONMENT, MLV, call, make_repository

N_RUNS_LISTED = 100

_BARE_TYPER = (sys.executable, str(Path(__file__).with_name("bare_typer.py")))
_LIST_MODULES = """
import sys
before = set(sys.modules)
import mlv
print(*{name.partition(".")[0] for name in set(sys.modules) - before} - sys.stdlib_module_names)
"""


def compare_import(directory: Path, *, n_rounds: int) -> Comparison:
    """Measure `import mlv`, as a training script does it, over a bare interpreter."""
    python = sys.executable
    cases = [
        Case(name="python -c pass", argv=(python, "-c", "pass"), directory=directory),
        Case(name="python -c 'import mlv'", argv=(python, "-c", "import mlv"), directory=directory),
    ]
    loaded = subprocess.check_output([python, "-c", _LIST_MODULES], text=True, cwd=directory)
    others = sorted(set(loaded.split()) - {"mlv"})
    return Comparison(
        title="import mlv in a training script",
        timings=measure_in_turn(cases, n_rounds=n_rounds),
        limits=(Limit(case=cases[1].name, quantity=Quantity.DIFFERENCE_S, at_most=0.030),),
        notes=(f"loaded besides mlv and the standard library: {', '.join(others) or 'nothing'}",),
    )


def compare_global_option(directory: Path, option: str, *, n_rounds: int) -> Comparison:
    """Measure `mlv --version` or `mlv --help` over the same of a bare Typer application."""
    cases = [
        Case(name=f"bare Typer {option}", argv=(*_BARE_TYPER, option), directory=directory),
        Case(name=f"mlv {option}", argv=(MLV, option), directory=directory),
        Case(
            name="bare Typer without Rich",
            argv=(*_BARE_TYPER, option),
            directory=directory,
            variables={"BARE_TYPER_PLAIN": "1"},
        ),
    ]
    return Comparison(
        title=f"mlv {option}",
        timings=measure_in_turn(cases, n_rounds=n_rounds),
        limits=(Limit(case=cases[1].name, quantity=Quantity.RATIO, at_most=1.2),),
    )


def compare_log(directory: Path, *, n_rounds: int) -> Comparison:
    """Measure `mlv log` over a bare Typer application; records the runs that it lists."""
    repository = make_repository(directory / "log")
    call(repository, MLV, "init")
    for _ in range(N_RUNS_LISTED):
        call(repository, MLV, "run", "--quiet", "true")

    cases = [
        Case(name="bare Typer", argv=_BARE_TYPER, directory=repository),
        Case(name="mlv log", argv=(MLV, "log"), directory=repository, variables=GIT_ENVIRONMENT),
    ]
    return Comparison(
        title=f"mlv log with {N_RUNS_LISTED} recorded runs",
        timings=measure_in_turn(cases, n_rounds=n_rounds),
        limits=(Limit(case=cases[1].name, quantity=Quantity.RATIO, at_most=2.0),),
    )
