"""How much of what was logged is gone when a training is killed in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from benchmarks.repository import MLV
from benchmarks.training.figures import OWN, Figure, Row, Unit
from benchmarks.training.trackers import SCRIPTS, Tracker

MOST_S = 0.25
N_KILLS = 50

_NEWEST = 'import mlv; print(mlv.series("last", "loss")["time"].astype("int64").max())'


def measure_killing(tracker: Tracker) -> Row:
    """Kill a training that logs without a pause, many times, each a little later.

    A sample is the time between the newest point that was logged and the newest point that
    the record has.
    """
    # Spread over a second, so that the moments of writing are met in every phase.
    lost = [_kill(tracker, 0.2 + index / N_KILLS) for index in range(N_KILLS)]
    return Row(
        title="logging lost to `kill -9`, the worst time",
        unit=Unit.SECONDS,
        figures=(Figure(tool=OWN, samples=(max(lost),)),),
        at_most=MOST_S,
        notes=(f"A training that logs without a pause was killed {N_KILLS} times.",),
    )


def _kill(tracker: Tracker, after_s: float) -> float:
    """Kill one training; return how many seconds of its logging are gone."""
    environment = {**os.environ, **tracker.variables}
    newest = tracker.directory.with_name("newest")
    newest.unlink(missing_ok=True)
    script = (sys.executable, str(SCRIPTS / "endless.py"), str(newest))
    with subprocess.Popen(
        (MLV, "run", "--quiet", *script),
        cwd=tracker.directory,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        training = int(process.stdout.readline()) if process.stdout else 0
        time.sleep(after_s)
        os.kill(training, signal.SIGKILL)
    logged_ns = int(newest.read_bytes())
    kept_ns = subprocess.check_output(
        (sys.executable, "-c", _NEWEST), cwd=tracker.directory, env=environment, text=True
    )
    return (logged_ns - int(kept_ns)) / 1e9
