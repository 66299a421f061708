"""log_model, load_model, registry, autolog, through the stock client."""

import mlflow
import numpy as np
import pytest
from mlflow.exceptions import MlflowException, RestException
from sklearn.linear_model import LinearRegression

X, Y = np.arange(20.0).reshape(10, 2), np.arange(10.0)


@pytest.fixture
def logged(experiment):
    """A model that was logged, with its run."""
    with mlflow.start_run() as run:
        info = mlflow.sklearn.log_model(LinearRegression().fit(X, Y), name="model", input_example=X[:2])
    return run.info.run_id, info


def test_log_and_load(client, experiment, logged):
    run, info = logged
    assert info.model_id.startswith("m-")
    for uri in (info.model_uri, f"models:/{info.model_id}", f"runs:/{run}/model"):
        assert np.allclose(mlflow.sklearn.load_model(uri).predict(X), Y), uri
    assert np.allclose(mlflow.pyfunc.load_model(info.model_uri).predict(X), Y)
    model = mlflow.get_logged_model(info.model_id)
    assert model.status.name == "READY" and model.source_run_id == run
    assert model.artifact_location == f"mlflow-artifacts:/{experiment}/models/{info.model_id}/artifacts"
    outputs = client.get_run(run).outputs.model_outputs
    assert [o.model_id for o in outputs] == [info.model_id]
    assert "MLmodel" in [f.path for f in client.list_logged_model_artifacts(info.model_id)]


def test_logged_models(client, experiment):
    ids = []
    for i in range(4):
        m = mlflow.create_external_model(
            name=f"ext-{i}", params={"a": str(i % 2)}, tags={"t": "x"}, model_type="agent" if i else "other"
        )
        ids.append(m.model_id)
        with mlflow.start_run():
            mlflow.log_metric("rmse", i / 10, model_id=m.model_id)

    def names(**kw):
        return [m.name for m in mlflow.search_logged_models([experiment], output_format="list", **kw)]

    assert names() == ["ext-3", "ext-2", "ext-1", "ext-0"]
    assert names(filter_string="params.a = '1'") == ["ext-3", "ext-1"]
    assert names(filter_string="metrics.rmse >= 0.2 AND model_type = 'agent'") == ["ext-3", "ext-2"]
    assert names(filter_string="name ILIKE 'EXT-_' AND tags.t = 'x' AND status = 'READY'") == [
        "ext-3",
        "ext-2",
        "ext-1",
        "ext-0",
    ]
    assert names(order_by=[{"field_name": "metrics.rmse", "ascending": True}]) == [
        "ext-0",
        "ext-1",
        "ext-2",
        "ext-3",
    ]
    assert names(order_by=[{"field_name": "name", "ascending": False}], max_results=2) == ["ext-3", "ext-2"]
    page = client.search_logged_models([experiment], max_results=3)
    rest = client.search_logged_models([experiment], max_results=3, page_token=page.token)
    assert len(page) == 3 and len(rest) == 1 and not rest.token
    client.set_logged_model_tags(ids[0], {"n/m": "1"})
    assert client.get_logged_model(ids[0]).tags["n/m"] == "1"
    client.delete_logged_model_tag(ids[0], "t")
    assert "t" not in client.get_logged_model(ids[0]).tags
    metrics = client.get_logged_model(ids[3]).metrics
    assert [(m.key, m.value, m.model_id) for m in metrics] == [("rmse", 0.3, ids[3])]
    client.delete_logged_model(ids[0])
    with pytest.raises(MlflowException, match=f"Logged model with ID '{ids[0]}' not found."):
        client.get_logged_model(ids[0])
    assert len(names()) == 3
    with pytest.raises(MlflowException):
        client.search_logged_models([experiment], filter_string="metric.x > 1")


def test_register_and_alias(client, name, logged):
    run, info = logged
    version = mlflow.register_model(info.model_uri, name)
    assert version.version in ("1", 1) and version.status == "READY"
    assert version.run_id == run
    second = mlflow.register_model(f"runs:/{run}/model", name)
    assert int(second.version) == 2
    client.set_registered_model_alias(name, "champion", "1")
    assert client.get_model_version_by_alias(name, "champion").version in ("1", 1)
    for uri in (
        f"models:/{name}/1",
        f"models:/{name}@champion",
        f"models:/{name}/2",
        f"models:/{name}/latest",
    ):
        assert np.allclose(mlflow.sklearn.load_model(uri).predict(X), Y), uri
    client.delete_registered_model_alias(name, "champion")
    with pytest.raises(RestException, match=r"Registered model alias champion not found\."):
        client.get_model_version_by_alias(name, "champion")
    tag = client.get_logged_model(info.model_id).tags["mlflow.modelVersions"]
    assert f'"{name}"' in tag


def test_registry_crud(client, name):
    client.create_registered_model(name, tags={"a": "1"}, description="d")
    with pytest.raises(RestException, match="already exists") as err:
        client.create_registered_model(name)
    assert err.value.error_code == "RESOURCE_ALREADY_EXISTS"
    got = client.get_registered_model(name)
    assert got.tags == {"a": "1"} and got.description == "d" and got.aliases == {}
    client.update_registered_model(name, description="e")
    client.set_registered_model_tag(name, "b", "2")
    client.delete_registered_model_tag(name, "a")
    v = client.create_model_version(name, "s3://bucket/model", tags={"k": "v"}, description="v1")
    assert v.source == "s3://bucket/model" and v.current_stage == "None"
    assert client.get_model_version_download_uri(name, v.version) == "s3://bucket/model"
    client.create_model_version(name, "s3://bucket/other")
    client.set_model_version_tag(name, "2", "x", "y")
    client.update_model_version(name, "2", "second")
    assert client.get_model_version(name, "2").tags == {"x": "y"}
    client.delete_model_version_tag(name, "2", "x")
    client.transition_model_version_stage(name, "1", "production")
    client.transition_model_version_stage(name, "2", "Production", archive_existing_versions=True)
    assert client.get_model_version(name, "1").current_stage == "Archived"
    latest = client.get_latest_versions(name, ["Production"])
    assert [int(v.version) for v in latest] == [2]
    found = client.search_model_versions(f"name = '{name}'", order_by=["version_number ASC"])
    assert [int(v.version) for v in found] == [1, 2]
    assert [m.name for m in client.search_registered_models(f"name LIKE '{name[:8]}%' AND tags.b = '2'")] == [
        name
    ]
    client.delete_model_version(name, "2")
    with pytest.raises(RestException, match=rf"Model Version \(name={name}, version=2\) not found"):
        client.get_model_version(name, "2")
    assert int(client.create_model_version(name, "s3://bucket/x").version) == 3
    client.rename_registered_model(name, name + "-r")
    with pytest.raises(RestException, match=f"Registered Model with name={name} not found"):
        client.get_registered_model(name)
    client.delete_registered_model(name + "-r")
    assert client.search_registered_models(f"name = '{name}-r'") == []


def test_autolog(client, experiment):
    mlflow.sklearn.autolog(log_input_examples=False, silent=True)
    try:
        with mlflow.start_run() as run:
            model = LinearRegression().fit(X, Y)
            model.score(X, Y)
    finally:
        mlflow.sklearn.autolog(disable=True)
    got = client.get_run(run.info.run_id)
    assert got.data.params["fit_intercept"] == "True"
    assert got.data.metrics["training_r2_score"] == pytest.approx(1)
    assert got.inputs.dataset_inputs and got.outputs.model_outputs
    model_id = got.outputs.model_outputs[0].model_id
    assert np.allclose(mlflow.sklearn.load_model(f"models:/{model_id}").predict(X), Y)


def test_prompts_are_hidden_models(client, name):
    mlflow.genai.register_prompt(name=name, template="Will it rain in {{city}}?")
    assert mlflow.genai.load_prompt(f"prompts:/{name}/1").template == "Will it rain in {{city}}?"
    assert client.search_registered_models(f"name = '{name}'") == []


def test_many_params_and_deletion(client, experiment):
    model = client.create_logged_model(
        experiment,
        name="many",
        model_type="agent",
        params={f"p{i:03}": str(i) for i in range(250)},  # the client sends 100 at a time
        tags={"a//b": "odd keys are taken", "t": "1"},
    )
    assert model.status.name == "PENDING"
    client.log_model_params(model.model_id, {"later": "x" * 500})
    got = client.get_logged_model(model.model_id)
    assert len(got.params) == 251 and got.params["p249"] == "249" and got.params["later"] == "x" * 500
    assert got.tags["a//b"] == "odd keys are taken"
    with pytest.raises(MlflowException):
        client.log_model_params(model.model_id, {"p000": "changed"})
    for status in ("FAILED", "READY"):
        client.finalize_logged_model(model.model_id, status)
        assert client.get_logged_model(model.model_id).status.name == status
    client.delete_logged_model(model.model_id)
    with pytest.raises(MlflowException, match="not found"):
        client.get_logged_model(model.model_id)
    assert client.search_logged_models([experiment]) == []


def test_search_models_as_frame_by_dataset(client, experiment):
    datasets = [mlflow.data.from_numpy(np.arange(3.0) + i, name=f"d{i}") for i in range(2)]
    models = [mlflow.create_external_model(name=f"m{i}", params={"i": str(i)}) for i in range(3)]
    with mlflow.start_run():
        for i, m in enumerate(models):
            for j, d in enumerate(datasets):
                mlflow.log_metric("acc", i * (1 - 2 * j), model_id=m.model_id, dataset=d)
    for dataset, names in zip(datasets, (["m2", "m1", "m0"], ["m0", "m1", "m2"]), strict=True):
        frame = mlflow.search_logged_models(
            [experiment],
            order_by=[
                {
                    "field_name": "metrics.acc",
                    "ascending": False,
                    "dataset_name": dataset.name,
                    "dataset_digest": dataset.digest,
                }
            ],
        )
        assert list(frame["name"]) == names
    found = mlflow.search_logged_models(
        [experiment],
        filter_string="metrics.acc < 0",
        datasets=[{"dataset_name": "d1", "dataset_digest": datasets[1].digest}],
        output_format="list",
    )
    assert {m.name for m in found} == {"m1", "m2"}
    found = mlflow.search_logged_models(
        [experiment], filter_string="metrics.acc < 0", datasets=[{"dataset_name": "d0"}], output_format="list"
    )
    assert found == []


def test_python_model(client, experiment, name):
    class Umbrellas(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input: list[float], params=None) -> list[float]:
            return [x * (params or {"factor": 2})["factor"] for x in model_input]

    with mlflow.start_run():
        info = mlflow.pyfunc.log_model(
            name="umbrellas",
            python_model=Umbrellas(),
            input_example=([1.0], {"factor": 2}),
            registered_model_name=name,
            pip_requirements=[],
        )
    assert mlflow.pyfunc.load_model(f"models:/{name}/1").predict([1.0, 3.0]) == [2.0, 6.0]
    version = client.get_model_version(name, "1")
    assert version.run_id == info.run_id and version.status == "READY"
    client.set_registered_model_alias(name, "best", "1")
    assert mlflow.pyfunc.load_model(f"models:/{name}@best").predict([1.0], params={"factor": 3}) == [3.0]
    assert [int(v.version) for v in client.search_model_versions(f"run_id = '{info.run_id}'")] == [1]
