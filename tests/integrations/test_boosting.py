from __future__ import annotations

import pytest

from tests.integrations.conftest import Train, params_of, steps_of

pytest.importorskip("numpy")

DATA = """\
import numpy as np

random = np.random.default_rng(1)
x = random.random((80, 3))
y = (x.sum(axis=1) > 1.5).astype(int)
"""

XGBOOST = (
    DATA
    + """\
import xgboost

from mlv.integrations.xgboost import MlvCallback

train, valid = xgboost.DMatrix(x[:60], y[:60]), xgboost.DMatrix(x[60:], y[60:])
params = {"objective": "binary:logistic", "eta": 0.5, "max_depth": 2, "nthread": 1}
"""
)

LIGHTGBM = (
    DATA
    + """\
import lightgbm

from mlv.integrations.lightgbm import mlv_callback

train = lightgbm.Dataset(x[:60], y[:60])
valid = lightgbm.Dataset(x[60:], y[60:], reference=train)
params = {"objective": "binary", "learning_rate": 0.5, "verbose": -1, "num_threads": 1}
"""
)


@pytest.fixture
def _xgboost() -> None:
    pytest.importorskip("xgboost", reason="needs xgboost: make test-integrations")


@pytest.fixture
def _lightgbm() -> None:
    pytest.importorskip("lightgbm", reason="needs lightgbm: make test-integrations")


@pytest.mark.usefixtures("_xgboost")
def test_xgboost_training_is_recorded(train: Train) -> None:
    run = train(
        XGBOOST
        + "xgboost.train(params, train, 5, evals=[(train, 'train'), (valid, 'valid')],\n"
        + "              callbacks=[MlvCallback()], verbose_eval=False)\n"
    )

    params = params_of(run)
    assert params["booster"] == "gbtree"
    assert params["objective"] == "binary:logistic"
    assert params["max_depth"] == 2
    assert params["eta"] == pytest.approx(0.5)
    assert steps_of(run, "train/logloss") == (0, 1, 2, 3, 4)
    assert steps_of(run, "valid/logloss") == (0, 1, 2, 3, 4)


@pytest.mark.usefixtures("_xgboost")
def test_xgboost_says_which_iteration_was_the_best(train: Train) -> None:
    run = train(
        XGBOOST
        + "found = xgboost.train(params, train, 40, evals=[(valid, 'valid')], verbose_eval=False,\n"
        + "    early_stopping_rounds=3, callbacks=[MlvCallback()])\n"
        + "print(found.best_iteration)\n"
    )

    best = run.metrics["best_iteration"].value
    values = run.series["valid/logloss"].values
    assert run.metrics["best_score"].value == pytest.approx(values[int(best)])
    assert len(values) < 40


@pytest.mark.usefixtures("_xgboost")
def test_xgboost_cross_validation_is_recorded(train: Train) -> None:
    run = train(
        XGBOOST + "xgboost.cv(params, train, 4, nfold=3, callbacks=[MlvCallback()], seed=1)\n"
    )

    for name in ("train/logloss", "test/logloss", "test/logloss_std"):
        assert steps_of(run, name) == (0, 1, 2, 3)


@pytest.mark.usefixtures("_xgboost")
def test_xgboost_estimator_takes_the_callback(train: Train) -> None:
    pytest.importorskip("sklearn", reason="needs scikit-learn: make test-integrations")

    run = train(
        XGBOOST
        + "from sklearn.base import clone\n"
        + "model = xgboost.XGBClassifier(n_estimators=3, n_jobs=1, callbacks=[MlvCallback()])\n"
        + "clone(model).fit(x, y, eval_set=[(x, y)], verbose=False)\n"
    )

    assert steps_of(run, "validation_0/logloss") == (0, 1, 2)


@pytest.mark.usefixtures("_lightgbm")
def test_lightgbm_training_is_recorded(train: Train) -> None:
    run = train(
        LIGHTGBM
        + "lightgbm.train(params, train, 5, valid_sets=[train, valid],\n"
        + "               valid_names=['train', 'valid'], callbacks=[mlv_callback()])\n"
    )

    params = params_of(run)
    assert params["objective"] == "binary"
    assert params["learning_rate"] == 0.5
    assert params["num_boost_round"] == 5
    assert steps_of(run, "train/binary_logloss") == (0, 1, 2, 3, 4)
    assert steps_of(run, "valid/binary_logloss") == (0, 1, 2, 3, 4)


@pytest.mark.usefixtures("_lightgbm")
def test_lightgbm_iteration_that_stops_early_is_recorded(train: Train) -> None:
    run = train(
        LIGHTGBM
        + "found = lightgbm.train(params, train, 60, valid_sets=[valid],\n"
        + "    callbacks=[lightgbm.early_stopping(2, verbose=False), mlv_callback()])\n"
        + "import mlv\n"
        + "mlv.log_params(n_done=found.current_iteration())\n"
    )

    steps = steps_of(run, "valid_0/binary_logloss")
    assert len(steps) - 2 == params_of(run)["n_done"]  # it waited for two more
    assert len(steps) < 60


@pytest.mark.usefixtures("_lightgbm")
def test_lightgbm_cross_validation_is_recorded(train: Train) -> None:
    run = train(
        LIGHTGBM + "lightgbm.cv(params, train, 4, nfold=3, callbacks=[mlv_callback()], seed=1)\n"
    )

    names = sorted(name for name in run.series if name.endswith("_std"))
    assert names == ["valid/binary_logloss_std"]
    assert steps_of(run, "valid/binary_logloss") == (0, 1, 2, 3)
