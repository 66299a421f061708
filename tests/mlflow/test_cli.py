"""The `mlflow` command against the server."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import mlflow


def mlflow_cli(url, *args):
    done = subprocess.run(
        [sys.executable, "-m", "mlflow", *args],
        env={**os.environ, "MLFLOW_TRACKING_URI": url},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_commands(client, url, name, experiment, tmp_path):
    with mlflow.start_run(run_name="by-hand") as run:
        mlflow.log_text("rain", "notes/a.txt")
    rid = run.info.run_id
    with ThreadPoolExecutor(2) as pool:  # each start costs seconds, most of them waiting
        found = pool.submit(mlflow_cli, url, "experiments", "search", "--view", "all")
        runs = pool.submit(mlflow_cli, url, "runs", "list", "--experiment-id", experiment)
        fetched = pool.submit(
            mlflow_cli, url, "artifacts", "download", "-r", rid, "-a", "notes", "-d", str(tmp_path / "got")
        )
    assert any(name in line and experiment in line for line in found.result().splitlines())
    assert rid in runs.result() and "by-hand" in runs.result()
    assert (tmp_path / "got" / "notes" / "a.txt").read_text() == "rain", fetched.result()
