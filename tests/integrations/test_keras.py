from __future__ import annotations

from importlib.util import find_spec

import pytest

from tests.integrations.conftest import Train, params_of, steps_of

pytest.importorskip("torch", reason="needs torch, as a backend: make test-integrations")
# Not imported: that would choose a backend for this process.
if find_spec("keras") is None:
    pytest.skip("needs keras: make test-integrations", allow_module_level=True)

SCRIPT = """\
import keras
import numpy as np

from mlv.integrations.keras import MlvCallback

keras.utils.set_random_seed(1)
x = np.random.rand(32, 2)
y = x.sum(axis=1)
model = keras.Sequential([keras.layers.Dense(1)], name="line")
model.compile(keras.optimizers.SGD(learning_rate=0.05), loss="mse", metrics=["mae"])
callback = MlvCallback({arguments})
model.fit(x, y, epochs=3, batch_size=8, validation_split=0.25, callbacks=[callback], verbose=0)
{after}
"""


def test_training_is_recorded(train: Train) -> None:
    run = train(SCRIPT.format(arguments="", after=""))

    params = params_of(run)
    assert params["epochs"] == 3
    assert params["loss"] == "mse"
    assert params["model.name"] == "line"
    assert params["model.n_params"] == 3
    assert params["optimizer.learning_rate"] == pytest.approx(0.05)
    for name in ("loss", "mae", "val_loss", "val_mae", "learning_rate"):
        assert steps_of(run, name) == (0, 1, 2)


def test_batches_are_counted_over_all_epochs(train: Train) -> None:
    run = train(SCRIPT.format(arguments="batches=True", after=""))

    assert steps_of(run, "batch/loss") == tuple(range(9))


def test_evaluation_is_no_series(train: Train) -> None:
    after = "model.evaluate(x, y, callbacks=[callback], verbose=0)"

    run = train(SCRIPT.format(arguments="", after=after))

    assert run.metrics["test_loss"].n_values == 1
    assert run.metrics["test_loss"].step is None
