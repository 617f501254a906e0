from __future__ import annotations

import pytest

from tests.integrations.conftest import Train, outputs_of, params_of, steps_of

pytest.importorskip("torch", reason="needs torch: make test-integrations")

SCRIPT = """\
import torch
import {package} as pl
from torch.utils.data import DataLoader, TensorDataset

from mlv.integrations.lightning import MlvLogger


class Line(pl.LightningModule):
    def __init__(self, lr=0.1, layers=(1, 1)):
        super().__init__()
        self.save_hyperparameters()
        self.layer = torch.nn.Linear(*layers)

    def _loss(self, batch):
        x, y = batch
        return torch.nn.functional.mse_loss(self.layer(x), y)

    def training_step(self, batch, _):
        loss = self._loss(batch)
        self.log("train/loss", loss)
        return loss

    def validation_step(self, batch, _):
        self.log("val/loss", self._loss(batch))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.hparams.lr)


pl.seed_everything(1)
x = torch.randn(32, 1)
data = DataLoader(TensorDataset(x, 2 * x), batch_size=8)
{checkpoint}
trainer = pl.Trainer(
    max_epochs=3,
    logger=MlvLogger({arguments}),
    log_every_n_steps=2,
    accelerator="cpu",
    enable_progress_bar=False,
    enable_model_summary=False,
    {callbacks}
)
trainer.fit(Line(), data, data)
{after}
"""


def _script(
    package: str = "lightning.pytorch",
    *,
    checkpoint: str = "",
    after: str = "",
    arguments: str = "",
) -> str:
    return SCRIPT.format(
        package=package,
        checkpoint=checkpoint,
        callbacks="callbacks=[checkpoint]," if checkpoint else "",
        after=after,
        arguments=arguments,
    )


@pytest.mark.parametrize("package", ["lightning.pytorch", "pytorch_lightning"])
def test_training_is_recorded(train: Train, package: str) -> None:
    pytest.importorskip(package, reason="needs Lightning: make test-integrations")

    run = train(_script(package))

    assert params_of(run) == {"lr": 0.1, "layers": [1, 1]}
    assert steps_of(run, "train/loss") == (1, 3, 5, 7, 9, 11)
    assert steps_of(run, "val/loss") == (3, 7, 11)
    assert outputs_of(run) == ["lightning_logs/checkpoints/epoch=2-step=12.ckpt"]


@pytest.fixture
def _lightning() -> None:
    pytest.importorskip("lightning.pytorch", reason="needs Lightning: make test-integrations")


@pytest.mark.usefixtures("_lightning")
def test_checkpoints_that_are_left_are_outputs(train: Train) -> None:
    checkpoint = (
        "checkpoint = pl.callbacks.ModelCheckpoint("
        "'models', monitor='val/loss', save_top_k=2, save_last=True)"
    )

    run = train(_script(checkpoint=checkpoint))

    assert outputs_of(run) == [
        "models/epoch=1-step=8.ckpt",
        "models/epoch=2-step=12.ckpt",
        "models/last.ckpt",
    ]
    assert {output.source for output in run.outputs} == {"both"}


@pytest.mark.usefixtures("_lightning")
def test_test_after_the_training_belongs_to_the_same_run(train: Train) -> None:
    after = "Line.test_step = lambda self, batch, _: self.log('test/loss', self._loss(batch))\n"

    run = train(_script(after=after + "trainer.test(Line(), data, verbose=False)"))

    assert run.metrics["test/loss"].n_values == 1
    assert steps_of(run, "val/loss") == (3, 7, 11)


@pytest.mark.usefixtures("_lightning")
def test_experiment_is_the_run(train: Train) -> None:
    after = "trainer.logger.experiment.set_tag('checked')"

    run = train(_script(arguments="prefix='a', log_checkpoints=False", after=after))

    assert run.tags == ("checked",)
    assert steps_of(run, "a/val/loss") == (3, 7, 11)
    assert {output.source for output in run.outputs} == {"observed"}
