"""Train a classifier of handwritten digits and log its loss after every epoch."""

from __future__ import annotations

import json
from pathlib import Path

import joblib
import numpy as np
import yaml
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import mlv


def main() -> None:
    """Read data and params; write `model.joblib` and `metrics.json`."""
    params = yaml.safe_load(Path("params.yaml").read_text())
    table = np.loadtxt("data/digits.csv", delimiter=",")
    pixels, labels = table[:, :-1] / 16, table[:, -1].astype(int)
    train_x, test_x, train_y, test_y = train_test_split(
        pixels, labels, test_size=0.25, random_state=params["seed"], stratify=labels
    )

    model = MLPClassifier(
        hidden_layer_sizes=(params["hidden_units"],),
        learning_rate_init=params["learning_rate"],
        random_state=params["seed"],
    )
    with mlv.start_run() as run:
        for epoch in range(params["epochs"]):
            model.partial_fit(train_x, train_y, classes=np.unique(labels))
            run.log({"train/loss": model.loss_}, step=epoch)

    metrics = {
        "accuracy": round(accuracy_score(test_y, model.predict(test_x)), 6),
        "loss": round(log_loss(test_y, model.predict_proba(test_x)), 6),
    }
    joblib.dump(model, "model.joblib")
    Path("metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    print(f"accuracy {metrics['accuracy']:.4f}, loss {metrics['loss']:.4f}")


if __name__ == "__main__":
    main()
