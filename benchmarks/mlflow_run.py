"""Execute `true` inside one MLflow run. Runs in MLflow's own environment."""

import subprocess

import mlflow

if __name__ == "__main__":
    with mlflow.start_run():
        subprocess.run(["true"], check=True)
