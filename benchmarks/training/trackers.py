"""The trackers that are measured, each in a virtual environment and a repository of its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from benchmarks.peers import Peer
from benchmarks.repository import GIT_ENVIRONMENT, MLV, call, commit_all, make_repository
from benchmarks.training.figures import OWN

PEERS = ("wandb", "aim", "mlflow", "dvc", "tensorboardX", "dvclive")
"""Names of the peers, which are also the names of their distributions."""

SCRIPTS = Path(__file__).parent / "scripts"
POINTS = str(SCRIPTS / "points.py")
_N_PARAMS = 20


class Tracker(msgspec.Struct, frozen=True, kw_only=True):
    """A tool that is ready to record in one directory.

    Attributes:
        name: What tables call it.
        directory: Where it records.
        trivial: The command that records one trivial run; None if it is not measured.
        points: The command that logs points, without their number; None if not measured.
        stores: Where it keeps what it records.
        variables: Its environment, besides that of this process.
    """

    name: str
    directory: Path
    trivial: tuple[str, ...] | None = None
    points: tuple[str, ...] | None = None
    stores: tuple[Path, ...]
    variables: dict[str, str]


def prepare_plain(directory: Path) -> Tracker:
    """Make ready the bare script, recorded by nobody."""
    _make(directory)
    return Tracker(
        name="the script alone",
        directory=directory,
        trivial=(sys.executable, str(SCRIPTS / "plain_run.py")),
        points=(sys.executable, POINTS, "json-lines"),
        stores=(directory / "points.jsonl",),
        variables=GIT_ENVIRONMENT,
    )


def prepare_mlv(directory: Path, *, singly: bool = False) -> Tracker:
    """Make mlv ready; what it keeps in Git counts as well."""
    _make(directory)
    call(directory, MLV, "init")
    commit_all(directory)
    tool = "mlv-singly" if singly else "mlv"
    return Tracker(
        name=OWN,
        directory=directory,
        trivial=(MLV, "run", "--quiet", sys.executable, str(SCRIPTS / "plain_run.py")),
        points=(MLV, "run", "--quiet", sys.executable, POINTS, tool),
        stores=(directory / ".mlv", directory / ".git"),
        variables=GIT_ENVIRONMENT,
    )


def prepare_peer(peer: Peer, directory: Path) -> Tracker:
    """Make a peer ready."""
    return _PREPARE[peer.name](peer, directory)


def change_param(directory: Path, number: int) -> None:
    """Give a run other params than those before it."""
    params = {f"p{index:02d}": index * 0.5 for index in range(_N_PARAMS)} | {"p00": float(number)}
    (directory / "params.json").write_text(json.dumps(params))


def _make(directory: Path, ignored: str = "") -> None:
    make_repository(directory, ignored=f"metrics.json\npoints.jsonl\n{ignored}")
    change_param(directory, 0)
    commit_all(directory)


def _wandb(peer: Peer, directory: Path) -> Tracker:
    _make(directory, "wandb/\n")
    own = {name: f"{directory}.{name}" for name in ("CACHE", "DATA", "CONFIG")}
    return Tracker(
        name="wandb, offline",
        directory=directory,
        trivial=_script(peer, "wandb_run.py"),
        points=_points(peer, "wandb"),
        stores=(directory / "wandb",),
        variables=GIT_ENVIRONMENT
        | {f"WANDB_{name}_DIR": place for name, place in own.items()}
        | {"WANDB_DIR": str(directory), "WANDB_SILENT": "true"},
    )


def _aim(peer: Peer, directory: Path) -> Tracker:
    _make(directory, ".aim/\n")
    call(directory, str(peer.bin / "aim"), "init", "--yes")
    return Tracker(
        name="aim",
        directory=directory,
        trivial=_script(peer, "aim_run.py"),
        points=_points(peer, "aim"),
        stores=(directory / ".aim",),
        variables=GIT_ENVIRONMENT | {"AIM_ANALYTICS_OPT_OUT": "1"},
    )


def _mlflow(peer: Peer, directory: Path) -> Tracker:
    _make(directory, "mlflow.db\nmlruns/\n")
    return Tracker(
        name="mlflow, SQLite",
        directory=directory,
        trivial=_script(peer, "mlflow_run.py"),
        points=_points(peer, "mlflow"),
        stores=(directory / "mlflow.db", directory / "mlruns"),
        variables=GIT_ENVIRONMENT
        | {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_TRACKING_URI": "sqlite:///mlflow.db"},
    )


def _dvc(peer: Peer, directory: Path) -> Tracker:
    _make(directory)
    dvc = str(peer.bin / "dvc")
    script = f"{sys.executable} {SCRIPTS / 'plain_run.py'}"
    keys = ",".join(f"p{index:02d}" for index in range(_N_PARAMS))
    call(directory, dvc, "init", "--quiet")
    call(directory, dvc, "config", "core.site_cache_dir", f"{directory}.site-cache")
    stage = ("--params", f"params.json:{keys}", "--metrics-no-cache", "metrics.json")
    call(directory, dvc, "stage", "add", "--quiet", "--name", "train", *stage, script)
    (directory / ".gitignore").write_text("")
    commit_all(directory)
    return Tracker(
        name="dvc exp run",
        directory=directory,
        trivial=(dvc, "exp", "run", "--quiet", "--force"),
        stores=(directory / ".dvc", directory / ".git"),
        variables=GIT_ENVIRONMENT | {"DVC_NO_ANALYTICS": "1"},
    )


def _tensorboardx(peer: Peer, directory: Path) -> Tracker:
    _make(directory, "events/\n")
    return Tracker(
        name="tensorboardX",
        directory=directory,
        points=_points(peer, "tensorboardX"),
        stores=(directory / "events",),
        variables=GIT_ENVIRONMENT,
    )


def _dvclive(peer: Peer, directory: Path) -> Tracker:
    _make(directory, "dvclive/\n")
    return Tracker(
        name="dvclive",
        directory=directory,
        points=_points(peer, "dvclive"),
        stores=(directory / "dvclive",),
        variables=GIT_ENVIRONMENT | {"DVC_NO_ANALYTICS": "1"},
    )


def _script(peer: Peer, name: str) -> tuple[str, ...]:
    return (str(peer.bin / "python"), str(SCRIPTS / name))


def _points(peer: Peer, tool: str) -> tuple[str, ...]:
    return (str(peer.bin / "python"), POINTS, tool)


_PREPARE: dict[str, Callable[[Peer, Path], Tracker]] = {
    "wandb": _wandb,
    "aim": _aim,
    "mlflow": _mlflow,
    "dvc": _dvc,
    "tensorboardX": _tensorboardx,
    "dvclive": _dvclive,
}
