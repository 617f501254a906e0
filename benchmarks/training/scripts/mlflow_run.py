"""Record 20 params and 10 metrics with MLflow."""

import json
from pathlib import Path

import mlflow

params = json.loads(Path("params.json").read_text())
with mlflow.start_run():
    mlflow.log_params(params)
    mlflow.log_metrics({f"m{index}": params["p00"] + index for index in range(10)})
