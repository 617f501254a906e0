"""Record 20 params and 10 metrics with Weights & Biases, offline."""

import json
from pathlib import Path

import wandb

params = json.loads(Path("params.json").read_text())
with wandb.init(project="benchmark", mode="offline", config=params) as run:
    run.log({f"m{index}": params["p00"] + index for index in range(10)})
