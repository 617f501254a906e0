from __future__ import annotations

import pytest

from tests.integrations.conftest import Train, outputs_of, params_of, steps_of
from tests.support.repository import Repository

pytest.importorskip("transformers", reason="needs transformers: make test-integrations")
pytest.importorskip("accelerate", reason="needs accelerate: make test-integrations")

SCRIPT = """\
import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

from mlv.integrations.transformers import MlvCallback

torch.manual_seed(1)
config = BertConfig(
    vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8
)
data = [{"input_ids": torch.randint(0, 20, (6,)), "labels": i % 2} for i in range(16)]
trainer = Trainer(
    model=BertForSequenceClassification(config),
    args=TrainingArguments(
        output_dir="model",
        learning_rate=0.01,
        num_train_epochs=2,
        per_device_train_batch_size=4,
        logging_steps=2,
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=1,
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
    ),
    train_dataset=data,
    eval_dataset=data,
    callbacks=[MlvCallback()],
)
trainer.train()
"""


def test_training_is_recorded(train: Train) -> None:
    run = train(SCRIPT)

    params = params_of(run)
    assert params["learning_rate"] == 0.01
    assert params["num_train_epochs"] == 2
    assert params["model.hidden_size"] == 8
    assert steps_of(run, "train/loss") == (2, 4, 6, 8)
    assert steps_of(run, "eval/loss") == (4, 8)
    assert "train/train_runtime" in run.metrics
    assert outputs_of(run) == ["model"]


def test_directory_with_files_of_others_is_no_output(repo: Repository, train: Train) -> None:
    repo.write(".gitignore", "model/\n")
    repo.write("model/checkpoint-2/old.txt", "of an earlier training")

    outputs = outputs_of(train(SCRIPT))

    assert "model/checkpoint-8" in outputs
    assert "model" not in outputs
