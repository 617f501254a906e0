"""Record 20 params and 10 metrics with Aim."""

import json
from pathlib import Path

from aim import Run

params = json.loads(Path("params.json").read_text())
run = Run(repo=".", system_tracking_interval=None, log_system_params=False)
run["hparams"] = params
for index in range(10):
    run.track(params["p00"] + index, name=f"m{index}")
run.close()
