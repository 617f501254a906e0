"""Functions for scikit-learn: what a search or a cross-validation found, into the active run.

```python
from mlv.integrations.sklearn import log_search

search.fit(x, y)
log_search(search)
```
"""

from __future__ import annotations

import importlib.util
import math
import re

import mlv
from mlv.integrations.reporting import current_run, never_raises

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

if importlib.util.find_spec("sklearn") is None:
    message = "mlv.integrations.sklearn needs scikit-learn: pip install scikit-learn"
    raise ImportError(message)

_SEARCHED = ("param_grid", "param_distributions", "cv", "scoring", "n_iter", "factor", "resource")
_SERIES = re.compile(r"(mean|std)_(test|train)_.*|iter|n_resources")
_SCORES = re.compile(r"(rank|split\d+)_(test|train)_.*|mean_fit_time")
_BEST = "best"


@never_raises
def log_estimator(estimator: Any, name: str = "") -> None:
    """Log class and params of an estimator; those of its steps are nested.

    Args:
        estimator: A model, a pipeline, or any other estimator.
        name: Under which name; without one, its params have no name before theirs.
    """
    params = _describe(estimator)
    current_run().log_params({name: params} if name else params)


@never_raises
def log_cross_validate(results: Mapping[str, Any] | Any, name: str = "cv") -> None:
    """Log what `cross_validate` or `cross_val_score` returned.

    Each score is a series over the folds, such as `cv/test_score`; its mean and its standard
    deviation are metrics of their own, such as `cv/mean_test_score`.

    Args:
        results: Arrays by name, or the array of scores alone.
        name: What the names begin with.
    """
    scores = results if hasattr(results, "items") else {"test_score": results}
    run = current_run()
    summary: dict[str, float] = {}
    for key, values in scores.items():
        if key in ("estimator", "indices"):
            continue
        numbers = [float(value) for value in values]
        for fold, number in enumerate(numbers):
            run.log({f"{name}/{key}": number}, fold)
        mean = math.fsum(numbers) / len(numbers)
        summary[f"{name}/mean_{key}"] = mean
        variance = math.fsum((number - mean) ** 2 for number in numbers) / len(numbers)
        summary[f"{name}/std_{key}"] = math.sqrt(variance)
    run.log_summary(summary)


@never_raises
def log_search(search: Any, *, max_nested: int = 100) -> None:
    """Log what a fitted search found, such as `GridSearchCV` or `HalvingRandomSearchCV`.

    The run gets the best params and scores, and the scores of all candidates as series in the
    order in which they were tried. Each candidate also becomes a nested run with its params and
    scores; the best one is tagged `best`.

    Args:
        search: The search, after `fit`.
        max_nested: Of how many candidates, the best first, nested runs are made at most.
    """
    run = current_run()
    results = search.cv_results_
    candidates = list(results["params"])
    series = {key: values for key, values in results.items() if _SERIES.fullmatch(key)}
    scores = {key: values for key, values in results.items() if _SCORES.fullmatch(key)}
    best = getattr(search, "best_index_", None)
    asked = {key: getattr(search, key) for key in _SEARCHED if hasattr(search, key)}
    run.log_params({"search": {"class": type(search).__qualname__, **asked}})
    run.log_params({"estimator": _describe(search.estimator)})
    for number in range(len(candidates)):
        run.log({f"search/{key}": values[number] for key, values in series.items()}, number)
    if best is not None:
        run.log_params({_BEST: _nest(candidates[best])})
        run.log_summary({"best_score": _score(search, results, best), "best_index": int(best)})
    for number in sorted(_choose(results, best, len(candidates), max_nested)):
        tags = [_BEST] if number == best else []
        with mlv.start_run(nested=True, tags=tags, params=_nest(candidates[number])) as candidate:
            columns = {**series, **scores}
            candidate.log_summary({key: values[number] for key, values in columns.items()})


def _score(search: Any, results: Mapping[str, Any], best: int) -> float:
    score = getattr(search, "best_score_", None)
    if score is None:  # several metrics, and a function of the user's that chose
        name = next(key for key in results if key.startswith("mean_test_"))
        score = results[name][best]
    return float(score)


def _choose(
    results: Mapping[str, Any], best: int | None, n_candidates: int, most: int
) -> list[int]:
    """Return the numbers of the best candidates, the one that was chosen among them."""
    rank = next((results[key] for key in results if key.startswith("rank_test_")), None)
    order = sorted(
        range(n_candidates),
        key=lambda number: (number != best, 0 if rank is None else rank[number]),
    )
    return order[: max(most, 0)]


def _describe(estimator: Any) -> dict[str, Any]:
    """Return class and params of an estimator, those of estimators inside it nested."""
    if isinstance(estimator, type) or not hasattr(estimator, "get_params"):
        return {"class": str(estimator)}
    params = {name: _value(value) for name, value in estimator.get_params(deep=False).items()}
    return {"class": type(estimator).__qualname__, **params}


def _value(value: Any) -> Any:
    if hasattr(value, "get_params") and not isinstance(value, type):
        return _describe(value)
    named = _named_steps(value)
    return value if named is None else {name: _value(step) for name, step in named.items()}


def _named_steps(value: Any) -> dict[str, Any] | None:
    """Return the steps of a pipeline or the parts of an ensemble by name, None if it is neither."""
    if not isinstance(value, (list, tuple)) or not value:
        return None
    pairs = [each for each in value if isinstance(each, tuple) and len(each) > 1]
    if len(pairs) != len(value) or not any(hasattr(pair[1], "get_params") for pair in pairs):
        return None
    return {str(pair[0]): pair[1] for pair in pairs}


def _nest(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the params of a candidate, `svc__C` as `C` in `svc`."""
    nested: dict[str, Any] = {}
    for name, value in params.items():
        *outer, last = name.split("__")
        place = nested
        for part in outer:
            inner = place.setdefault(part, {})
            place = inner if isinstance(inner, dict) else place.setdefault(f"{part}__", {})
        place[last] = _value(value)
    return nested
