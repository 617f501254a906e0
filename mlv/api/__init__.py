"""What a training script imports: `import mlv`, then `mlv.start_run()` or `mlv.init()`.

Inside `mlv run` a run attaches to the one that is being recorded, and needs the
standard library alone. Elsewhere it records the script itself.
"""

from mlv.api.active_run import ActiveRun
from mlv.api.functions import (
    active_run,
    finish,
    init,
    log,
    log_artifact,
    log_artifacts,
    log_metric,
    log_metrics,
    log_param,
    log_params,
    runs,
    set_tag,
    set_tags,
    start_run,
)

__all__ = [
    "ActiveRun",
    "active_run",
    "finish",
    "init",
    "log",
    "log_artifact",
    "log_artifacts",
    "log_metric",
    "log_metrics",
    "log_param",
    "log_params",
    "runs",
    "set_tag",
    "set_tags",
    "start_run",
]
