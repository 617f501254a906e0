"""Record training runs, compare them, make them again, and go back.

Importing this package loads the standard library alone; each public name is
loaded when it is first used.
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing `typing` for it would take longer than all of this
if TYPE_CHECKING:
    from mlv.api import (
        ActiveRun,
        active_run,
        end_run,
        finish,
        init,
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
        record,
        rewind,
        runs,
        series,
        set_name,
        set_note,
        set_tag,
        set_tags,
        start_run,
    )

__version__ = "0.1.0"

__all__ = [
    "ActiveRun",
    "__version__",
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
    if name.startswith("_") or name not in __all__:
        message = f"module 'mlv' has no attribute {name!r}"
        raise AttributeError(message)
    from mlv import api

    # Found at once from now on: a training loop asks for `mlv.log` very often.
    value = globals()[name] = getattr(api, name)
    return value


def __dir__() -> list[str]:
    return __all__
