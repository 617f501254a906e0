"""A logger for PyTorch Lightning.

```python
from mlv.integrations.lightning import MlvLogger

trainer = Trainer(logger=MlvLogger())
```
"""

from __future__ import annotations

import os
import sys

from mlv.integrations.reporting import current_run, never_raises, only_numbers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mlv import ActiveRun

try:
    # There are two packages with the same classes: that which the script uses counts.
    if "pytorch_lightning" in sys.modules and "lightning.pytorch" not in sys.modules:
        from pytorch_lightning.loggers import Logger
        from pytorch_lightning.loggers.logger import rank_zero_experiment
        from pytorch_lightning.utilities import rank_zero_only
    else:
        try:
            from lightning.pytorch.loggers import Logger
            from lightning.pytorch.loggers.logger import rank_zero_experiment
            from lightning.pytorch.utilities import rank_zero_only
        except ImportError:
            from pytorch_lightning.loggers import Logger
            from pytorch_lightning.loggers.logger import rank_zero_experiment
            from pytorch_lightning.utilities import rank_zero_only
except ImportError as error:
    message = "mlv.integrations.lightning needs PyTorch Lightning: pip install lightning"
    raise ImportError(message) from error

_NAME = "lightning_logs"
_CHECKPOINT_FIELDS = ("_last_checkpoint_saved", "last_model_path", "best_model_path")


class MlvLogger(Logger):
    """Logs hyperparameters, metrics and checkpoints to the active run, on rank zero alone.

    Checkpoints lie in `lightning_logs/checkpoints`, unless `ModelCheckpoint` says otherwise:
    the same place in every run, so that a reproduction can be compared.

    Args:
        save_dir: Parent of `lightning_logs`; None for the `default_root_dir` of the trainer.
        prefix: What the names of all metrics begin with, before a `/`.
        log_checkpoints: Whether checkpoints that are there at the end become outputs.
    """

    def __init__(
        self,
        save_dir: str | os.PathLike[str] | None = None,
        *,
        prefix: str = "",
        log_checkpoints: bool = True,
    ) -> None:
        super().__init__()
        self._save_dir = None if save_dir is None else os.fspath(save_dir)
        self._prefix = f"{prefix}/" if prefix else ""
        self._log_checkpoints = log_checkpoints
        self._checkpoints: dict[str, None] = {}

    @property
    def name(self) -> str:
        """Name of the directory that has the checkpoints."""
        return _NAME

    @property
    def version(self) -> str:
        """Nothing: a run of mlv needs no directory of its own."""
        return ""

    @property
    def save_dir(self) -> str | None:
        """Where `lightning_logs` is; None for the `default_root_dir` of the trainer."""
        return self._save_dir

    @property
    @rank_zero_experiment
    def experiment(self) -> ActiveRun:
        """The active run, for figures, tables and whatever else it can log."""
        return current_run()

    @rank_zero_only
    @never_raises
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Log the hyperparameters of a module or data module as params."""
        del args, kwargs
        current_run().log_params(params)

    @rank_zero_only
    @never_raises
    def log_metrics(self, metrics: dict[str, Any], step: int | None = None) -> None:
        """Log metrics."""
        current_run().log(only_numbers(metrics, self._prefix), step)

    @never_raises
    def after_save_checkpoint(self, checkpoint_callback: Any) -> None:
        """Take note of checkpoints; later ones may replace them."""
        paths = [getattr(checkpoint_callback, name, "") for name in _CHECKPOINT_FIELDS]
        paths += getattr(checkpoint_callback, "best_k_models", {})
        self._checkpoints.update((os.fspath(path), None) for path in paths if path)

    @rank_zero_only
    @never_raises
    def finalize(self, status: str) -> None:
        """Declare the checkpoints that are left as outputs; the run goes on."""
        del status
        if self._log_checkpoints:
            for path in self._checkpoints:
                if os.path.exists(path):  # noqa: PTH110 - as cheap as it gets
                    current_run().log_artifact(path)
        self._checkpoints.clear()
