"""mlflow.autolog(): what scikit-learn, LightGBM and XGBoost log by themselves."""

import mlflow
import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV

rng = np.random.default_rng(7)
X = rng.random((40, 3))
Y = X[:, 0] + X[:, 1] / 2


@pytest.fixture
def autolog(experiment):
    mlflow.autolog(silent=True)
    yield
    mlflow.autolog(disable=True)


def model_of(client, run):
    """The only model that a run put out, as a function."""
    (out,) = client.get_run(run).outputs.model_outputs
    return mlflow.pyfunc.load_model(f"models:/{out.model_id}")


def test_grid_search(client, experiment, autolog):
    with mlflow.start_run() as run:
        search = GridSearchCV(Ridge(), {"alpha": [0.1, 1.0, 10.0]}, cv=2).fit(X, Y)
    parent = client.get_run(run.info.run_id)
    assert parent.data.params["best_alpha"] == str(search.best_params_["alpha"])
    assert parent.data.metrics["best_cv_score"] == pytest.approx(search.best_score_)
    children = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{run.info.run_id}'")
    assert sorted(r.data.params["alpha"] for r in children) == ["0.1", "1.0", "10.0"]
    assert all("mean_test_score" in r.data.metrics and r.info.status == "FINISHED" for r in children)
    assert parent.inputs.dataset_inputs[0].tags[0].value == "train"
    models = mlflow.search_logged_models([experiment], output_format="list")
    assert {m.name for m in models} == {"model", "best_estimator"}
    assert all(m.source_run_id == run.info.run_id and m.status.name == "READY" for m in models)
    best = next(m for m in models if m.name == "best_estimator")
    assert np.allclose(mlflow.sklearn.load_model(best.model_uri).predict(X), search.predict(X))


def test_lightgbm(client, experiment, autolog):
    lightgbm = pytest.importorskip("lightgbm")
    data = lightgbm.Dataset(X, Y)
    with mlflow.start_run() as run:
        booster = lightgbm.train(
            {"num_leaves": 3, "min_data_in_leaf": 2, "metric": "l2", "verbose": -1, "num_threads": 1},
            data,
            num_boost_round=5,
            valid_sets=[data],
            valid_names=["train"],
        )
    got = client.get_run(run.info.run_id).data
    assert got.params["num_leaves"] == "3" and got.params["num_boost_round"] == "5"
    assert [m.step for m in client.get_metric_history(run.info.run_id, "train-l2")] == [0, 1, 2, 3, 4]
    assert "feature_importance_gain.json" in [f.path for f in client.list_artifacts(run.info.run_id)]
    assert np.allclose(model_of(client, run.info.run_id).predict(X), booster.predict(X))


def test_xgboost(client, experiment, autolog):
    xgboost = pytest.importorskip("xgboost")
    data = xgboost.DMatrix(X, Y)
    with mlflow.start_run() as run:
        booster = xgboost.train(
            {"max_depth": 2, "nthread": 1}, data, 5, evals=[(data, "train")], verbose_eval=False
        )
    got = client.get_run(run.info.run_id).data
    assert got.params["max_depth"] == "2" and got.params["num_boost_round"] == "5"
    history = client.get_metric_history(run.info.run_id, "train-rmse")
    assert len(history) == 5 and history[4].value < history[0].value
    assert "feature_importance_weight.json" in [f.path for f in client.list_artifacts(run.info.run_id)]
    assert np.allclose(model_of(client, run.info.run_id).predict(X), booster.predict(data), atol=1e-6)
