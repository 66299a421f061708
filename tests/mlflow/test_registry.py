"""The model registry through the stock client: versions, stages, aliases, sources, searches, prompts."""

import json

import mlflow
import numpy as np
import pytest
from mlflow.exceptions import RestException
from sklearn.linear_model import LinearRegression

X, Y = np.arange(20.0).reshape(10, 2), np.arange(10.0)


@pytest.fixture
def model(client, name):
    """A registered model with three versions whose files are elsewhere."""
    client.create_registered_model(name, tags={"team": name})
    for i in range(3):
        client.create_model_version(
            name, f"s3://bucket/{i}", tags={"i": str(i)}, run_link=f"https://ci.example/{i}"
        )
    return name


def test_stages(client, model):
    with pytest.warns(FutureWarning):
        client.transition_model_version_stage(model, "1", "Production")
        client.transition_model_version_stage(model, "2", "production", archive_existing_versions=True)
        assert client.get_model_version(model, "1").current_stage == "Archived"
        assert {v.version: v.current_stage for v in client.get_latest_versions(model)} == {
            "1": "Archived",
            "2": "Production",
            "3": "None",
        }
        assert [v.version for v in client.get_latest_versions(model, ["Production"])] == ["2"]
        with pytest.raises(RestException, match="not an Active stage"):
            client.transition_model_version_stage(model, "2", "None", archive_existing_versions=True)


def test_aliases(client, model):
    client.set_registered_model_alias(model, "best", "2")
    assert client.get_model_version_by_alias(model, "best").version == "2"
    assert client.get_model_version_by_alias(model, "latest").version == "3"
    assert client.get_registered_model(model).aliases == {"best": "2"}
    assert client.get_model_version(model, "2").aliases == ["best"]
    client.set_registered_model_alias(model, "best", "3")
    client.delete_registered_model_alias(model, "best")
    client.delete_registered_model_alias(model, "best")
    with pytest.raises(RestException, match="alias best not found"):
        client.get_model_version_by_alias(model, "best")
    for reserved in ("latest", "v1"):
        with pytest.raises(RestException, match="reserved"):
            client.set_registered_model_alias(model, reserved, "1")


def test_deleted_versions(client, model):
    client.set_registered_model_alias(model, "old", "3")
    client.delete_model_version(model, "3")
    assert client.get_registered_model(model).aliases == {}
    with pytest.raises(RestException, match="not found"):
        client.get_model_version(model, "3")
    assert client.create_model_version(model, "s3://bucket/new").version == "4"  # numbers are not used again
    client.delete_registered_model(model)
    assert client.search_model_versions(f"name = '{model}'") == []
    client.create_registered_model(model)
    assert client.create_model_version(model, "s3://bucket/new").version == "1"


def test_rename_and_update(client, model):
    v = client.get_model_version(model, "1")
    assert (v.run_link, v.source, v.status, v.tags) == (
        "https://ci.example/0",
        "s3://bucket/0",
        "READY",
        {"i": "0"},
    )
    client.update_model_version(model, "1", description="first")
    client.update_registered_model(model, description="all")
    client.set_model_version_tag(model, "1", "k", "v")
    client.delete_model_version_tag(model, "1", "i")
    client.rename_registered_model(model, model + "-r")
    renamed = client.get_registered_model(model + "-r")
    assert renamed.description == "all" and renamed.tags == {"team": model}
    v = client.get_model_version(model + "-r", "1")
    assert (v.description, v.tags) == ("first", {"k": "v"})
    with pytest.raises(RestException, match="not found"):
        client.get_registered_model(model)


def test_search(client, model):
    other = client.create_registered_model(model + "-other", tags={"team": model, "x": "1"}).name

    def models(f, **kw):
        return [m.name for m in client.search_registered_models(filter_string=f, **kw)]

    assert models(f"tags.team = '{model}'", order_by=["name DESC"]) == [other, model]
    assert models(f"name LIKE '{model}%' AND tag.x != '0'") == [other]
    assert models(f"name ILIKE '{model.upper()}'") == [model]
    assert models(f"name IN ('{model}', 'no')") == [model]

    def versions(f, **kw):
        return [int(v.version) for v in client.search_model_versions(f, **kw)]

    assert versions(f"name = '{model}'") == [3, 2, 1]
    assert versions(f"name = '{model}' AND version_number >= 2", order_by=["version_number"]) == [2, 3]
    assert versions(f"name = '{model}' AND tags.i = '1'") == [2]
    assert versions(
        f"name = '{model}' AND source_path LIKE 's3://bucket/_'", order_by=["creation_timestamp"]
    ) == [1, 2, 3]
    with pytest.raises(RestException, match="Invalid attribute key"):
        versions("stage = 'None'")
    page = client.search_model_versions(f"name = '{model}'", order_by=["version_number"], max_results=2)
    client.create_model_version(model, "s3://bucket/late")
    rest = client.search_model_versions(
        f"name = '{model}'", order_by=["version_number"], max_results=2, page_token=page.token
    )
    assert [v.version for v in [*page, *rest]] == ["1", "2", "3", "4"] and not rest.token


def test_sources(client, experiment, model):
    with mlflow.start_run() as run:
        info = mlflow.sklearn.log_model(LinearRegression().fit(X, Y), name="model")
    v = mlflow.register_model(info.model_uri, model)
    assert v.run_id == run.info.run_id
    noted = json.loads(client.get_logged_model(info.model_id).tags["mlflow.modelVersions"])
    # the server notes a number, the client a text: so it is with MLflow's own server
    assert noted == [{"name": model, "version": int(v.version)}, {"name": model, "version": v.version}]
    assert np.allclose(mlflow.pyfunc.load_model(f"models:/{model}/{v.version}").predict(X), Y)
    assert client.get_model_version_download_uri(model, v.version) == info.artifact_path

    copied = client.copy_model_version(f"models:/{model}/{v.version}", model + "-copy")
    assert (copied.version, copied.source, copied.run_id) == (
        "1",
        f"models:/{model}/{v.version}",
        run.info.run_id,
    )
    assert client.get_model_version_download_uri(copied.name, "1") == info.artifact_path
    assert np.allclose(mlflow.pyfunc.load_model(f"models:/{copied.name}/1").predict(X), Y)

    artifacts = run.info.artifact_uri
    assert (
        client.create_model_version(model, f"{artifacts}/x", run_id=run.info.run_id).source
        == f"{artifacts}/x"
    )
    for source, kw in [
        (f"{artifacts}/x", {}),  # says of no run
        (artifacts.replace(run.info.run_id, "0" * 32), {"run_id": run.info.run_id}),  # of another
        ("/etc/passwd", {"run_id": run.info.run_id}),
        ("file:///etc/passwd", {}),
        ("s3://bucket/%2e%2e/x", {}),
        ("https://169.254.169.254/latest", {}),
    ]:
        with pytest.raises(RestException, match="INVALID_PARAMETER_VALUE"):
            client.create_model_version(model, source, **kw)


def test_prompts(client, name):
    first = mlflow.genai.register_prompt(name=name, template="Hello {{name}}!", tags={"k": "v"})
    mlflow.genai.register_prompt(name=name, template="Good day, {{name}}!", commit_message="politer")
    mlflow.genai.set_prompt_alias(name, "live", 1)
    assert first.version == 1
    assert mlflow.genai.load_prompt(f"prompts:/{name}@live").format(name="Ada") == "Hello Ada!"
    assert mlflow.genai.load_prompt(f"prompts:/{name}/2").commit_message == "politer"
    assert [p.name for p in mlflow.genai.search_prompts(filter_string=f"name = '{name}'")] == [name]
    assert client.search_registered_models(filter_string=f"name = '{name}'") == []
    assert client.search_model_versions(f"name = '{name}'") == []
    client.set_prompt_version_tag(name, 1, "a", "b")
    assert mlflow.genai.load_prompt(f"prompts:/{name}/1").tags["a"] == "b"
    with pytest.raises(RestException, match="already taken by a prompt"):
        client.create_registered_model(name)
