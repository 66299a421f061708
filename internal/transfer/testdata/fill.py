"""Fills an MLflow server with one of everything that can be brought over. Usage: fill.py URL"""

import math
import os
import sys
import tempfile

import mlflow
import numpy as np
from mlflow.entities import Metric, Param, RunTag
from sklearn.linear_model import LinearRegression

mlflow.set_tracking_uri(sys.argv[1])
client = mlflow.MlflowClient()


def long_history(run_id, key, n):
    for first in range(0, n, 1000):
        points = [Metric(key, math.sin(i / 50) + i * 1e-4, 1_700_000_000_000 + 7 * i, i) for i in range(first, min(n, first + 1000))]
        client.log_batch(run_id, metrics=points)


def grow():
    """A second visit: a new run, and an old one that went on."""
    umbrella = client.get_experiment_by_name("umbrella").experiment_id
    run = client.create_run(umbrella, run_name="newcomer", tags={"seen": "late"})
    client.log_metric(run.info.run_id, "loss", 0.125, timestamp=1_700_000_000_000, step=1)
    client.log_text(run.info.run_id, "late", "late.txt")
    client.set_terminated(run.info.run_id)
    (old,) = client.search_runs([umbrella], "attributes.run_name = 'open'")
    client.log_metric(old.info.run_id, "loss", 7.5, timestamp=1_700_000_009_999, step=99)
    client.log_text(old.info.run_id, "more", "more/of/it.txt")
    client.set_tag(old.info.run_id, "state", "second")
    client.set_registered_model_alias("umbrella", "champion", "1")


if len(sys.argv) > 2:
    grow()
    sys.exit()

umbrella = client.create_experiment("umbrella", tags={"owner": "daisy", "note": "Schirm ☂"})
empty = client.create_experiment("empty")
gone = client.create_experiment("gone")
mlflow.set_experiment("umbrella")

# A run with everything: model, dataset, table of points, files in folders.
with mlflow.start_run(run_name="full", tags={"team": "weather", "mlflow.note.content": "# Note\n*hello*"}, description=None) as full:
    mlflow.log_params({"depth": 3, "rate": 0.25, "text": "ä ö ü ☂", "long": "x" * 5999, "empty": ""})
    x, y = np.array([[1.0], [2.0], [3.0]]), np.array([2.0, 4.0, 6.0])
    data = mlflow.data.from_numpy(x, targets=y, name="weather", source="https://example.org/weather.csv")
    mlflow.log_input(data, context="training", tags={"half": "first"})
    info = mlflow.sklearn.log_model(LinearRegression().fit(x, y), name="model", input_example=x, params={"alpha": 1}, registered_model_name="umbrella")
    client.set_logged_model_tags(info.model_id, {"kind": "line"})
    mlflow.log_metric("mae", 0.5, step=2, model_id=info.model_id, dataset=data)
    mlflow.log_metric("mae", 0.25, step=3, model_id=info.model_id, dataset=data)
    mlflow.log_metrics({"nan": math.nan, "inf": math.inf, "minus inf": -math.inf, "a/b c.d": 1e-300}, step=-5)
    mlflow.log_text("hello", "notes/a.txt")
    mlflow.log_text("", "notes/empty.txt")
    mlflow.log_text("umlaut", "notes/Übung 1 +%.txt")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "large.bin")
        with open(path, "wb") as f:
            f.write(np.random.default_rng(1).bytes(3_000_000))
        mlflow.log_artifact(path, "deep/er")
    with mlflow.start_run(run_name="child", nested=True) as child:
        mlflow.log_metric("loss", 0.5)
        mlflow.sklearn.load_model(f"models:/{info.model_id}")
        client.log_inputs(child.info.run_id, models=[mlflow.entities.LoggedModelInput(info.model_id)])
long_history(full.info.run_id, "loss", 30_000)
client.log_batch(full.info.run_id, metrics=[Metric("loss", math.nan, 1_700_000_000_000, 5), Metric("loss", 9.0, 1_600_000_000_000, 40_000)])

# Runs in every state.
for status in ("FAILED", "KILLED", "FINISHED"):
    run = client.create_run(umbrella, run_name=status.lower(), start_time=1_690_000_000_000)
    client.log_batch(run.info.run_id, params=[Param("p", status)], tags=[RunTag("t", status)], metrics=[Metric("loss", 1.5, 1_690_000_000_001, 0)])
    client.set_terminated(run.info.run_id, status, 1_690_000_005_000)
running = client.create_run(umbrella, run_name="open", tags={"state": "first"})
client.log_metric(running.info.run_id, "loss", 3.25, timestamp=1_700_000_000_000, step=1)
deleted = client.create_run(umbrella, run_name="deleted")
client.log_text(deleted.info.run_id, "kept", "kept.txt")
client.delete_run(deleted.info.run_id)
client.log_param(client.create_run("0", run_name="in default").info.run_id, "where", "default")
lost = client.create_run(gone, run_name="in a deleted experiment")
client.log_param(lost.info.run_id, "x", "1")
client.delete_experiment(gone)
for i in range(8):
    run = client.create_run(umbrella, run_name=f"many {i}", start_time=1_680_000_000_000 + i)
    client.log_batch(run.info.run_id, params=[Param("i", str(i))], metrics=[Metric("loss", i / 8, 1_680_000_000_000 + i, s) for s in range(20)])
    client.set_terminated(run.info.run_id, end_time=1_680_000_100_000 + i)

# The registry: version 2 comes from files of a run, 3 is gone, 4 is of the logged model.
client.update_registered_model("umbrella", "sells umbrellas")
client.set_registered_model_tag("umbrella", "team", "weather")
client.create_model_version("umbrella", f"{full.info.artifact_uri}/notes", run_id=full.info.run_id, description="second", tags={"v": "2"})
client.create_model_version("umbrella", f"{full.info.artifact_uri}/deep", run_id=full.info.run_id)
client.delete_model_version("umbrella", "3")
client.create_model_version("umbrella", f"models:/{info.model_id}", model_id=info.model_id, run_id=full.info.run_id)
client.transition_model_version_stage("umbrella", "1", "Production")
client.transition_model_version_stage("umbrella", "2", "Archived")
client.set_registered_model_alias("umbrella", "champion", "4")
client.set_registered_model_alias("umbrella", "fallback", "2")
client.create_registered_model("it's")
client.create_model_version("it's", f"{full.info.artifact_uri}/notes", run_id=full.info.run_id)
client.create_registered_model("versionless", tags={"a": "b"}, description="none yet")
mlflow.register_prompt("greeting", "Hello {{name}}", commit_message="first", tags={"lang": "en"})
mlflow.set_prompt_alias("greeting", "live", 1)
