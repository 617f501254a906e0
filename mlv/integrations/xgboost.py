"""A callback for XGBoost.

```python
from mlv.integrations.xgboost import MlvCallback

xgboost.train(params, train, evals=[(train, "train")], callbacks=[MlvCallback()])
```
"""

from __future__ import annotations

import json

from mlv.integrations.reporting import current_run, never_raises

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

try:
    from xgboost import collective
    from xgboost.callback import TrainingCallback
except ImportError as error:
    message = "mlv.integrations.xgboost needs XGBoost: pip install xgboost"
    raise ImportError(message) from error

_VOLATILE = frozenset(("nthread", "n_jobs", "validate_parameters", "updater_seq"))


class MlvCallback(TrainingCallback):
    """Logs params of the booster and metrics by iteration, such as `train/rmse`.

    With `xgboost.cv`, the mean of a metric over the folds goes by its name, and the standard
    deviation by that name and `_std`. With early stopping, `best_iteration` and `best_score`
    are logged without a step.
    """

    @never_raises
    def before_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """Log params before the first iteration: only now are they what they will be."""
        del evals_log
        if epoch == 0 and _is_first() and hasattr(model, "save_config"):
            current_run().log_params(_read_params(json.loads(model.save_config())))
        return False

    @never_raises
    def after_iteration(
        self, model: Any, epoch: int, evals_log: Mapping[str, Mapping[str, Sequence[Any]]]
    ) -> bool:
        """Log metrics."""
        del model
        if _is_first():
            values = {}
            for data, metrics in evals_log.items():
                for metric, scores in metrics.items():
                    score = scores[-1]
                    if isinstance(score, tuple):
                        score, values[f"{data}/{metric}_std"] = score
                    values[f"{data}/{metric}"] = score
            current_run().log(values, epoch)
        return False

    def after_training(self, model: Any) -> Any:
        """Log which iteration was the best."""
        _log_best(model)
        return model


@never_raises
def _log_best(model: Any) -> None:
    if not _is_first() or not hasattr(model, "attributes"):
        return
    found = model.attributes()
    names = ("best_iteration", "best_score")
    best = {name: float(found[name]) for name in names if name in found}
    if best:
        current_run().log_summary(best)


def _is_first() -> bool:
    return bool(collective.get_rank() == 0)


def _read_params(config: dict[str, Any]) -> dict[str, Any]:
    """Return the params of a booster from what `save_config` says, numbers as numbers."""
    learner = config["learner"]
    booster = learner["gradient_booster"]
    params = {
        "booster": learner["learner_train_param"]["booster"],
        "objective": learner["learner_train_param"]["objective"],
        "seed": learner.get("generic_param", {}).get("seed", config.get("seed")),
        **booster.get("tree_train_param", {}),
        **booster.get("gbtree_train_param", {}),
    }
    return {
        name: _number_or_text(value)
        for name, value in params.items()
        if name not in _VOLATILE and value not in (None, "")
    }


def _number_or_text(value: Any) -> Any:
    for read in (int, float):
        try:
            return read(value)
        except (TypeError, ValueError):
            continue
    return value
