"""Datasets of runs, as pandas and numpy give them, and the search for them."""

import json

import mlflow
import numpy as np
import pandas as pd
import requests


def summaries(url, *experiments):
    answer = requests.post(
        f"{url}/ajax-api/2.0/mlflow/experiments/search-datasets",
        json={"experiment_ids": list(experiments)},
        timeout=10,
    )
    answer.raise_for_status()
    return {(d["name"], d["digest"], d.get("context")) for d in answer.json().get("dataset_summaries", [])}


def test_pandas_and_numpy(client, url, experiment):
    frame = mlflow.data.from_pandas(pd.DataFrame({"x": [1.0, 2.0], "y": [0, 1]}), name="frame", targets="y")
    array = mlflow.data.from_numpy(np.arange(6.0).reshape(3, 2), targets=np.arange(3), name="array")
    with mlflow.start_run() as one:
        mlflow.log_input(frame, context="training", tags={"season": "autumn"})
        mlflow.log_inputs([array, frame], contexts=["validation", "validation"], tags_list=[None, None])
    with mlflow.start_run() as two:
        mlflow.log_input(frame, context="test")

    inputs = {i.dataset.name: i for i in client.get_run(one.info.run_id).inputs.dataset_inputs}
    assert set(inputs) == {"frame", "array"}
    tags = {t.key: t.value for t in inputs["frame"].tags}
    assert tags == {"mlflow.data.context": "training", "season": "autumn"}  # what comes first stays
    assert json.loads(inputs["frame"].dataset.profile) == {"num_rows": 2, "num_elements": 4}
    names = [c["name"] for c in json.loads(inputs["frame"].dataset.schema)["mlflow_colspec"]]
    assert names == ["x", "y"]
    assert json.loads(inputs["array"].dataset.profile)["features_shape"] == [3, 2]
    assert "mlflow_tensorspec" in json.loads(inputs["array"].dataset.schema)

    found = mlflow.search_runs([experiment], "dataset.context = 'test'", output_format="list")
    assert [r.info.run_id for r in found] == [two.info.run_id]
    assert summaries(url, experiment) == {
        ("frame", frame.digest, "training"),
        ("frame", frame.digest, "test"),
        ("array", array.digest, "validation"),
    }
    assert summaries(url, "0", experiment) >= summaries(url, experiment)


def test_source_is_read_back(client, experiment, tmp_path):
    path = tmp_path / "sales.csv"
    pd.DataFrame({"sold": [3, 1]}).to_csv(path, index=False)
    with mlflow.start_run() as run:
        mlflow.log_input(mlflow.data.from_pandas(pd.read_csv(path), source=str(path), name="sales"))
    dataset = client.get_run(run.info.run_id).inputs.dataset_inputs[0].dataset
    assert pd.read_csv(mlflow.data.get_source(dataset).load()).sold.tolist() == [3, 1]
