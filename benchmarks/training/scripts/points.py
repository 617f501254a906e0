"""Log points with one tool: ten series, one value of each a step.

Prints how many seconds the loop took, until everything was handed to the tool and the
tool was closed. Imports and the start of a run are not counted.

Usage: points.py TOOL N_POINTS
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_NAMES = [f"train/m{index}" for index in range(10)]


def _steps(n_points: int) -> Iterator[tuple[int, dict[str, float]]]:
    """Yield each step with its ten values, a falling loss with noise."""
    for step in range(n_points // len(_NAMES)):
        value = 1.0 / (step + 1) + 0.01 * math.sin(step * 12.9898)
        yield step, {name: value + index for index, name in enumerate(_NAMES)}


def _log_json_lines(n_points: int) -> float:
    with Path("points.jsonl").open("a") as file:
        started_s = time.perf_counter()
        for step, values in _steps(n_points):
            line = json.dumps({"step": step, **values})
            file.write(f"{line}\n")
    return time.perf_counter() - started_s


def _log_mlv(n_points: int) -> float:
    import mlv

    run = mlv.start_run()
    started_s = time.perf_counter()
    for step, values in _steps(n_points):
        run.log(values, step=step)
    run.finish()
    return time.perf_counter() - started_s


def _log_mlv_singly(n_points: int) -> float:
    import mlv

    run = mlv.start_run()
    started_s = time.perf_counter()
    for step, values in _steps(n_points):
        for name, value in values.items():
            run.log_metric(name, value, step=step)
    run.finish()
    return time.perf_counter() - started_s


def _log_wandb(n_points: int) -> float:
    import wandb

    settings = wandb.Settings(console="off", x_disable_stats=True)
    run = wandb.init(project="benchmark", mode="offline", settings=settings)
    started_s = time.perf_counter()
    for step, values in _steps(n_points):
        run.log(values, step=step)
    run.finish()
    return time.perf_counter() - started_s


def _log_tensorboardx(n_points: int) -> float:
    from tensorboardX import SummaryWriter

    writer = SummaryWriter("events")
    started_s = time.perf_counter()
    for step, values in _steps(n_points):
        for name, value in values.items():
            writer.add_scalar(name, value, step)
    writer.close()
    return time.perf_counter() - started_s


def _log_aim(n_points: int) -> float:
    from aim import Run

    run = Run(repo=".", system_tracking_interval=None, log_system_params=False)
    started_s = time.perf_counter()
    for step, values in _steps(n_points):
        for name, value in values.items():
            run.track(value, name=name, step=step)
    run.close()
    return time.perf_counter() - started_s


def _log_mlflow(n_points: int) -> float:
    import mlflow

    with mlflow.start_run():
        started_s = time.perf_counter()
        for step, values in _steps(n_points):
            mlflow.log_metrics(values, step=step)
    return time.perf_counter() - started_s


def _log_dvclive(n_points: int) -> float:
    from dvclive import Live

    with Live(save_dvc_exp=False, report=None) as live:
        started_s = time.perf_counter()
        for step, values in _steps(n_points):
            live.step = step
            for name, value in values.items():
                live.log_metric(name, value)
    return time.perf_counter() - started_s


_TOOLS: dict[str, Callable[[int], float]] = {
    "json-lines": _log_json_lines,
    "mlv": _log_mlv,
    "mlv-singly": _log_mlv_singly,
    "wandb": _log_wandb,
    "tensorboardX": _log_tensorboardx,
    "aim": _log_aim,
    "mlflow": _log_mlflow,
    "dvclive": _log_dvclive,
}

if __name__ == "__main__":
    print(_TOOLS[sys.argv[1]](int(sys.argv[2])))
