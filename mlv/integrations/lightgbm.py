"""A callback for LightGBM.

```python
from mlv.integrations.lightgbm import mlv_callback

lightgbm.train(params, train, valid_sets=[valid], callbacks=[mlv_callback()])
```
"""

from __future__ import annotations

import importlib.util

from mlv.integrations.reporting import current_run, never_raises

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

if importlib.util.find_spec("lightgbm") is None:
    message = "mlv.integrations.lightgbm needs LightGBM: pip install lightgbm"
    raise ImportError(message)

_ORDER = 25
"""Before early stopping (30), which ends the training by an exception."""

_N_FIELDS_OF_CV = 5


def mlv_callback() -> MlvCallback:
    """Return a callback that logs params, and metrics by iteration such as `valid_0/auc`.

    With `lightgbm.cv`, the mean of a metric over the folds goes by its name, and the standard
    deviation by that name and `_std`.
    """
    return MlvCallback()


class MlvCallback:
    """Is called by LightGBM after each iteration."""

    order = _ORDER
    before_iteration = False

    @never_raises
    def __call__(self, env: Any) -> None:
        """Log the metrics of an iteration, and params after the first one."""
        run = current_run()
        if env.iteration == env.begin_iteration:
            n_rounds = env.end_iteration - env.begin_iteration
            run.log_params({**env.params, "num_boost_round": n_rounds})
        values = {}
        for result in env.evaluation_result_list or ():
            name = f"{result[0]}/{result[1]}"
            values[name] = result[2]
            if len(result) >= _N_FIELDS_OF_CV and result[4] is not None:
                values[f"{name}_std"] = result[4]
        run.log(values, env.iteration)
