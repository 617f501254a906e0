"""What recording one trivial run costs, beside what it costs with others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.measure import Case, measure_in_turn
from benchmarks.peers import Peer
from benchmarks.report import Comparison, Limit, Quantity
from benchmarks.repository import GIT_ENVIRONMENT, MLV, call, commit_all, make_repository

_MLFLOW_SCRIPT = str(Path(__file__).with_name("mlflow_run.py"))


def compare_recording(directory: Path, peers: Sequence[Peer], *, n_rounds: int) -> Comparison:
    """Measure `mlv run true` in a small clean repository over `true`, and peers beside it."""
    plain = make_repository(directory / "plain")
    prepare = {"dvc": _prepare_dvc, "mlflow": _prepare_mlflow}
    cases = [
        Case(name="true", argv=("true",), directory=plain),
        _prepare_mlv(directory / "mlv"),
        *(prepare[peer.name](directory / peer.name, peer) for peer in peers),
    ]
    return Comparison(
        title="one run of `true` recorded in a small clean repository",
        timings=measure_in_turn(cases, n_rounds=n_rounds),
        limits=(Limit(case=cases[1].name, quantity=Quantity.DIFFERENCE_S, at_most=0.5),),
        notes=tuple(f"{peer.name} {peer.version}" for peer in peers),
    )


def _prepare_mlv(directory: Path) -> Case:
    make_repository(directory)
    call(directory, MLV, "init")
    return Case(
        name="mlv run true",
        argv=(MLV, "run", "true"),
        directory=directory,
        variables=GIT_ENVIRONMENT,
    )


def _prepare_dvc(directory: Path, peer: Peer) -> Case:
    make_repository(directory)
    dvc = str(peer.bin / "dvc")
    call(directory, dvc, "init", "--quiet")
    call(directory, dvc, "config", "core.site_cache_dir", f"{directory}.site-cache")
    call(directory, dvc, "stage", "add", "--quiet", "--name", "true", "true")
    call(directory, dvc, "repro", "--quiet")
    commit_all(directory)
    return Case(
        name="dvc exp run --force",
        argv=(dvc, "exp", "run", "--quiet", "--force"),
        directory=directory,
        variables={**GIT_ENVIRONMENT, "DVC_NO_ANALYTICS": "1"},
    )


def _prepare_mlflow(directory: Path, peer: Peer) -> Case:
    make_repository(directory, ignored="/mlflow.db\n/mlruns/\n")
    return Case(
        name="mlflow run on SQLite",
        argv=(str(peer.bin / "python"), _MLFLOW_SCRIPT),
        directory=directory,
        variables={
            **GIT_ENVIRONMENT,
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_TRACKING_URI": "sqlite:///mlflow.db",
        },
    )
