"""A callback for Keras 3.

```python
from mlv.integrations.keras import MlvCallback

model.fit(x, y, callbacks=[MlvCallback()])
```
"""

from __future__ import annotations

from mlv.integrations.reporting import current_run, never_raises, only_numbers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

try:
    from keras.callbacks import Callback
except ImportError as error:
    message = "mlv.integrations.keras needs Keras and a backend of it: pip install keras"
    raise ImportError(message) from error


class MlvCallback(Callback):
    """Logs the optimizer as params, and metrics by epoch, to the active run.

    Those of a validation during training begin with `val_`, as Keras names them. What
    `model.evaluate` finds is logged without a step, and begins with `test_`.

    Args:
        batches: Whether metrics are logged by batch as well, as `batch/loss`.
    """

    def __init__(self, *, batches: bool = False) -> None:
        super().__init__()
        self._batches = batches
        self._n_batches = 0
        self._training = False

    @never_raises
    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Log params."""
        del logs
        self._training = True
        params = {name: self.params[name] for name in ("epochs", "steps") if name in self.params}
        params["model"] = {"name": self.model.name, "n_params": self.model.count_params()}
        optimizer = getattr(self.model, "optimizer", None)
        if optimizer is not None:
            params["optimizer"] = optimizer.get_config()
        loss = getattr(self.model, "loss", None)
        if isinstance(loss, str):
            params["loss"] = loss
        current_run().log_params(params)

    @never_raises
    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Log metrics by batch, counted over all epochs."""
        del batch
        if self._batches:
            current_run().log(only_numbers(logs, "batch/"), self._n_batches)
            self._n_batches += 1

    @never_raises
    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Log metrics by epoch, and the learning rate."""
        values = only_numbers(logs)
        rate = getattr(getattr(self.model, "optimizer", None), "learning_rate", None)
        if rate is not None:
            values.setdefault("learning_rate", float(rate))
        current_run().log(values, epoch)

    @never_raises
    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Take note that the training has ended."""
        del logs
        self._training = False

    @never_raises
    def on_test_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Log what an evaluation found, unless it belongs to the training."""
        if not self._training:
            current_run().log_summary(only_numbers(logs, "test_"))
