"""A callback for the Trainer of Hugging Face Transformers.

```python
from mlv.integrations.transformers import MlvCallback

trainer = Trainer(..., callbacks=[MlvCallback()])
```
"""

# ruff: noqa: PTH118, PTH208
# `os.path` is what the Trainer itself speaks.

from __future__ import annotations

import os

from mlv.integrations.reporting import current_run, never_raises, only_numbers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

try:
    from transformers import TrainerCallback
except ImportError as error:
    message = "mlv.integrations.transformers needs it: pip install 'transformers[torch]'"
    raise ImportError(message) from error

_VOLATILE = frozenset(("local_rank", "logging_dir", "run_name"))
"""Arguments that differ between equal trainings, or stand for nothing."""

_PARTS = (("eval_", "eval/"), ("test_", "test/"))


class MlvCallback(TrainerCallback):
    """Logs arguments, configuration of the model, metrics and checkpoints to the active run.

    The loss is `train/loss`, and that of an evaluation `eval/loss`. The directory for outputs
    becomes an output when this training alone wrote to it; otherwise its checkpoints do.

    Args:
        log_checkpoints: Whether what the trainer saves becomes outputs.
    """

    def __init__(self, *, log_checkpoints: bool = True) -> None:
        self._log_checkpoints = log_checkpoints
        self._checkpoints: list[str] = []
        self._fresh = False

    @never_raises
    def on_train_begin(
        self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any
    ) -> None:
        """Log arguments and the configuration of the model as params."""
        del control, kwargs
        if not state.is_world_process_zero:
            return
        self._fresh = _is_empty(args.output_dir)
        params = {name: value for name, value in args.to_dict().items() if name not in _VOLATILE}
        config: Any = getattr(model, "config", None)
        if hasattr(config, "to_dict"):
            params["model"] = config.to_dict()
        current_run().log_params(params)

    @never_raises
    def on_log(
        self,
        args: Any,
        state: Any,
        control: Any,
        logs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Log metrics."""
        del args, control, kwargs
        if state.is_world_process_zero:
            values = {_rename(name): value for name, value in only_numbers(logs).items()}
            current_run().log(values, state.global_step)

    @never_raises
    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take note of a checkpoint; later ones may replace it."""
        del control, kwargs
        if state.is_world_process_zero:
            name = f"checkpoint-{state.global_step}"
            self._checkpoints.append(os.path.join(args.output_dir, name))
            if self._fresh and self._log_checkpoints:
                current_run().log_artifact(args.output_dir)

    @never_raises
    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Log the best metric, and declare the checkpoints that are left as outputs."""
        del args, control, kwargs
        if not state.is_world_process_zero:
            return
        run = current_run()
        if state.best_metric is not None:
            run.log_summary({"best_metric": state.best_metric})
        if self._log_checkpoints and not self._fresh:
            for path in self._checkpoints:
                if os.path.isdir(path):  # noqa: PTH112
                    run.log_artifact(path)


def _rename(name: str) -> str:
    for before, after in _PARTS:
        if name.startswith(before):
            return after + name[len(before) :]
    return f"train/{name}"


def _is_empty(directory: str) -> bool:
    try:
        return not os.listdir(directory)
    except OSError:
        return True
