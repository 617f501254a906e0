"""What a training script imports: `import mlv`, then `mlv.start_run()` or `mlv.init()`.

Inside `mlv run` a run attaches to the one that is being recorded, and needs the
standard library alone, of Python 3.8 or newer. Elsewhere it records the script itself.
"""

from __future__ import annotations

from mlv.api.active_run import ActiveRun
from mlv.api.dialects import active_run, end_run, finish, init, start_run
from mlv.api.functions import (
    log,
    log_artifact,
    log_artifacts,
    log_dict,
    log_figure,
    log_metric,
    log_metrics,
    log_param,
    log_params,
    log_summary,
    log_table,
    log_text,
    rewind,
    runs,
    series,
    set_name,
    set_note,
    set_tag,
    set_tags,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mlv.api.recorded import record

__all__ = [
    "ActiveRun",
    "active_run",
    "end_run",
    "finish",
    "init",
    "log",
    "log_artifact",
    "log_artifacts",
    "log_dict",
    "log_figure",
    "log_metric",
    "log_metrics",
    "log_param",
    "log_params",
    "log_summary",
    "log_table",
    "log_text",
    "record",
    "rewind",
    "runs",
    "series",
    "set_name",
    "set_note",
    "set_tag",
    "set_tags",
    "start_run",
]


def __getattr__(name: str) -> object:
    if name != "record":
        message = f"module 'mlv.api' has no attribute {name!r}"
        raise AttributeError(message)
    # It needs `inspect`, which takes as long to import as all of this.
    from mlv.api.recorded import record

    return record
