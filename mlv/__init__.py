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

__version__ = "0.1.0"

__all__ = [
    "ActiveRun",
    "__version__",
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


def __getattr__(name: str) -> object:
    if name.startswith("_") or name not in __all__:
        message = f"module 'mlv' has no attribute {name!r}"
        raise AttributeError(message)
    from mlv import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return __all__
