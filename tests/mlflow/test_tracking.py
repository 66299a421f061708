"""Experiments, runs, metrics, params, tags, inputs and deletion, through the stock client."""

import math

import mlflow
import pandas as pd
import pytest
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException, RestException


def test_default_experiment_exists(client):
    default = client.get_experiment("0")
    assert default.name == "Default"
    assert default.artifact_location == "mlflow-artifacts:/0"


def test_experiment_life(client, name):
    eid = client.create_experiment(name, tags={"team": "umbrella"})
    assert int(eid) > 0
    exp = client.get_experiment(eid)
    assert exp.name == name and exp.tags == {"team": "umbrella"}
    assert exp.artifact_location == f"mlflow-artifacts:/{eid}"
    with pytest.raises(RestException, match="already exists") as err:
        client.create_experiment(name)
    assert err.value.error_code == "RESOURCE_ALREADY_EXISTS"

    client.set_experiment_tag(eid, "k", "v")
    assert client.get_experiment(eid).tags["k"] == "v"
    client.rename_experiment(eid, name + "-2")
    assert client.get_experiment_by_name(name) is None
    assert client.get_experiment_by_name(name + "-2").experiment_id == eid

    run = client.create_run(eid)
    client.delete_experiment(eid)
    assert client.get_experiment(eid).lifecycle_stage == "deleted"
    assert client.get_run(run.info.run_id).info.lifecycle_stage == "deleted"
    with pytest.raises(RestException, match="non-active"):
        client.rename_experiment(eid, name + "-3")
    with pytest.raises(RestException, match="must be in the 'active' state"):
        client.create_run(eid)
    client.restore_experiment(eid)
    assert client.get_run(run.info.run_id).info.lifecycle_stage == "active"


def test_errors_of_experiments(client):
    with pytest.raises(RestException, match="No Experiment with id=999999999 exists") as err:
        client.get_experiment("999999999")
    assert err.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    with pytest.raises(MlflowException):
        client.get_experiment("not-a-number")


def test_search_experiments(client, name):
    ids = [client.create_experiment(f"{name}-{i}", tags={"n": str(i), "of": name}) for i in range(5)]
    mine = f"tags.of = '{name}'"
    found = client.search_experiments(filter_string=mine)
    assert [e.experiment_id for e in found] == ids[::-1]
    found = client.search_experiments(filter_string=f"name LIKE '{name}-%'", order_by=["name ASC"])
    assert [e.experiment_id for e in found] == ids
    assert client.search_experiments(filter_string=f"name LIKE '{name.upper()}-%'") == []
    assert len(client.search_experiments(filter_string=f"name ILIKE '{name.upper()}-%'")) == 5
    client.delete_experiment(ids[0])
    assert len(client.search_experiments(filter_string=mine)) == 4
    deleted = client.search_experiments(view_type=ViewType.DELETED_ONLY, filter_string=mine)
    assert [e.experiment_id for e in deleted] == [ids[0]]
    both = client.search_experiments(view_type=ViewType.ALL, filter_string=mine + " AND tags.n != '3'")
    assert len(both) == 4

    pages, token = [], None
    while True:
        page = client.search_experiments(
            filter_string=mine, max_results=2, page_token=token, view_type=ViewType.ALL
        )
        pages.append(len(page))
        token = page.token
        if not token:
            break
    assert pages == [2, 2, 1]


def test_fluent_run(client, experiment):
    with mlflow.start_run(run_name="first", tags={"a": "1"}, description="note") as run:
        mlflow.log_param("lr", 0.1)
        mlflow.log_params({"depth": 3, "empty": ""})
        mlflow.log_metric("loss", 0.5, step=1)
        mlflow.log_metrics({"loss": 0.25, "acc": 1}, step=2)
        mlflow.set_tag("b", "2")
    got = client.get_run(run.info.run_id)
    assert got.info.status == "FINISHED" and got.info.run_name == "first"
    assert got.info.end_time >= got.info.start_time > 0
    assert got.data.params == {"lr": "0.1", "depth": "3", "empty": ""}
    assert got.data.metrics == {"loss": 0.25, "acc": 1.0}
    assert got.data.tags["a"] == "1" and got.data.tags["b"] == "2"
    assert got.data.tags["mlflow.note.content"] == "note"
    assert got.data.tags["mlflow.runName"] == "first"
    assert got.info.artifact_uri == f"mlflow-artifacts:/{experiment}/{run.info.run_id}/artifacts"


def test_failed_run_and_nesting(client, experiment):
    with pytest.raises(ZeroDivisionError), mlflow.start_run() as parent:
        with mlflow.start_run(nested=True) as child:
            mlflow.log_metric("x", 1)
        raise ZeroDivisionError
    assert client.get_run(parent.info.run_id).info.status == "FAILED"
    assert client.get_run(child.info.run_id).info.status == "FINISHED"
    tag = client.get_run(child.info.run_id).data.tags["mlflow.parentRunId"]
    assert tag == parent.info.run_id
    found = mlflow.search_runs(
        filter_string=f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'", output_format="list"
    )
    assert [r.info.run_id for r in found] == [child.info.run_id]


def test_special_metric_values(client, experiment):
    run = client.create_run(experiment).info.run_id
    for key, value in {"nan": math.nan, "inf": math.inf, "ninf": -math.inf, "tiny": 5e-324}.items():
        client.log_metric(run, key, value)
    got = client.get_run(run).data.metrics
    assert math.isnan(got["nan"])
    assert got["inf"] == 1.7976931348623157e308 and got["ninf"] == -1.7976931348623157e308
    assert got["tiny"] == 5e-324
    assert math.isnan(client.get_metric_history(run, "nan")[0].value)


def test_latest_is_greatest_step_not_last_written(client, experiment):
    run = client.create_run(experiment).info.run_id
    client.log_metric(run, "m", 1.0, timestamp=100, step=10)
    client.log_metric(run, "m", 2.0, timestamp=200, step=5)
    client.log_metric(run, "m", 3.0, timestamp=50, step=-7)
    assert client.get_run(run).data.metrics["m"] == 1.0
    client.log_metric(run, "m", 1.0, timestamp=100, step=10)  # an exact duplicate is dropped
    history = client.get_metric_history(run, "m")
    assert [(m.timestamp, m.step, m.value) for m in history] == [(50, -7, 3.0), (100, 10, 1.0), (200, 5, 2.0)]


def test_long_history_is_paged(client, experiment):
    run = client.create_run(experiment).info.run_id
    points = [Metric("m", float(i % 7), 1000 + i, i) for i in range(2500)]
    for i in range(0, len(points), 1000):
        client.log_batch(run, metrics=points[i : i + 1000])
    assert len(client.get_metric_history(run, "m")) == 2500
    from mlflow.tracking._tracking_service.utils import _get_store

    store, seen, token = _get_store(), [], None
    while True:
        page = store.get_metric_history(run, "m", max_results=700, page_token=token)
        seen += [m.step for m in page]
        token = page.token
        if not token:
            break
    assert seen == list(range(2500))


def test_params_are_written_once(client, experiment):
    run = client.create_run(experiment).info.run_id
    client.log_param(run, "p", "a")
    client.log_param(run, "p", "a")
    with pytest.raises(MlflowException, match="Changing param values is not allowed"):
        client.log_param(run, "p", "b")
    with pytest.raises(MlflowException, match="Changing param values is not allowed"):
        client.log_batch(run, params=[Param("p", "c"), Param("q", "1")])
    assert client.get_run(run).data.params == {"p": "a"}


def test_long_values_are_cut(client, experiment):
    run = client.create_run(experiment).info.run_id
    client.log_param(run, "p", "ü" * 6500)
    client.set_tag(run, "t", "x" * 9000)
    got = client.get_run(run).data
    assert len(got.params["p"]) == 6000 and len(got.tags["t"]) == 8000


def test_batch_and_tags(client, experiment):
    run = client.create_run(experiment, run_name="old").info.run_id
    mlflow.start_run(run_id=run)
    mlflow.log_metrics({f"m{i}": i for i in range(1500)})
    mlflow.log_params({f"p{i}": i for i in range(250)})
    mlflow.set_tags({f"t{i}": i for i in range(250)})
    mlflow.end_run()
    got = client.get_run(run)
    assert len(got.data.metrics) == 1500 and len(got.data.params) == 250
    assert sum(k.startswith("t") for k in got.data.tags) == 250
    client.set_tag(run, "mlflow.runName", "new")
    assert client.get_run(run).info.run_name == "new"
    client.update_run(run, name="newer", status="SCHEDULED")
    got = client.get_run(run)
    assert got.info.status == "SCHEDULED" and got.data.tags["mlflow.runName"] == "newer"
    client.delete_tag(run, "t3")
    assert "t3" not in client.get_run(run).data.tags
    with pytest.raises(RestException, match=f"No tag with name: t3 in run with id {run}"):
        client.delete_tag(run, "t3")


def test_bad_names(client, experiment):
    run = client.create_run(experiment).info.run_id
    for bad in ("a//b", "../x", "a,b", "/a", "."):
        with pytest.raises(MlflowException):
            client.log_metric(run, bad, 1)
        with pytest.raises(MlflowException):
            client.log_param(run, bad, 1)
    client.log_metric(run, "val/loss: é-1.0", 1)
    assert client.get_run(run).data.metrics == {"val/loss: é-1.0": 1.0}


def test_delete_and_restore_run(client, experiment):
    run = client.create_run(experiment).info.run_id
    client.delete_run(run)
    client.delete_run(run)
    assert client.search_runs([experiment]) == []
    assert [r.info.run_id for r in client.search_runs([experiment], run_view_type=ViewType.DELETED_ONLY)] == [
        run
    ]
    with pytest.raises(RestException, match=r"must be in the 'active' state\. Current state is deleted"):
        client.log_metric(run, "m", 1)
    client.restore_run(run)
    client.log_metric(run, "m", 1)
    with pytest.raises(RestException, match="Run with id=" + "0" * 32 + " not found"):
        client.get_run("0" * 32)


def test_log_input(client, experiment):
    frame = pd.DataFrame({"rain": [0.0, 1.5], "sold": [3, 9]})
    data = mlflow.data.from_pandas(frame, name="sales", targets="sold", source="data/sales.csv")
    with mlflow.start_run() as run:
        mlflow.log_input(data, context="training")
        mlflow.log_input(data, context="training")
    inputs = client.get_run(run.info.run_id).inputs.dataset_inputs
    assert len(inputs) == 1
    assert inputs[0].dataset.name == "sales" and inputs[0].dataset.digest == data.digest
    assert {t.key: t.value for t in inputs[0].tags} == {"mlflow.data.context": "training"}
    for f in (
        "dataset.name = 'sales'",
        f"dataset.digest IN ('{data.digest}')",
        "dataset.context LIKE 'train%'",
    ):
        assert len(client.search_runs([experiment], f)) == 1, f
    assert client.search_runs([experiment], "dataset.name = 'other'") == []


FILTERS = {
    "metrics.loss < 0.25": {0, 1, 2},
    "metrics.loss >= 0.25 and metric.loss <= 0.35": {3},
    "metrics.loss != 0.1": {0, 2, 3, 4, 5},
    "metrics.`val/loss` = 3": {3},
    'metrics."val/loss" > -1e0 AND metrics.loss > 0.35': {4},
    "params.kind = 'a'": {0, 2, 4},
    "params.kind != 'a'": {1, 3, 5},
    "parameters.name LIKE 'Run-%'": set(range(6)),
    "params.name LIKE 'run-%'": set(),
    "params.name ILIKE 'run-_'": set(range(6)),
    "params.pattern LIKE '5*%'": {0, 1, 2, 3, 4, 5},
    "params.pattern LIKE '%[x]'": {0, 1, 2, 3, 4, 5},
    "params.pattern LIKE '_x%'": set(),
    "params.odd IS NULL": {0, 2, 4},
    "params.odd IS NOT NULL AND params.kind = 'b'": {1, 3, 5},
    'tags.`who is` = "it\'s me"': {5},
    "tag.group = 'g1' AND metrics.loss > 0.3": {4},
    "tags.missing IS NULL AND params.kind = 'a'": {0, 2, 4},
    "attributes.status = 'FINISHED'": {0, 1, 2, 3},
    "status != 'FINISHED'": {4, 5},
    "attributes.run_name ILIKE 'RUN 1'": {1},
    "`Run name` = 'run 2'": {2},
    "attributes.start_time >= 1003 AND attributes.start_time < 1005": {3, 4},
    "created > 1004": {5},
    "end_time > 0": {0, 1, 2, 3},
    "attributes.artifact_uri LIKE 'mlflow-artifacts:/%'": set(range(6)),
    "user_id = 'daisy'": set(range(6)),
    "metrics.nan != 7": {5},
    "metrics.nan > -1": set(),
}


@pytest.fixture
def six(client, experiment):
    """Six runs with different params, metrics, tags; ids by number."""
    from mlflow.tracking._tracking_service.utils import _get_store

    ids = []
    for i in range(6):
        run = _get_store().create_run(experiment, "daisy", 1000 + i, [], f"run {i}").info.run_id
        ids.append(run)
        client.log_batch(
            run,
            metrics=[Metric("loss", i / 10, 1, 0), Metric("val/loss", i, 1, 0)]
            if i < 5
            else [Metric("nan", math.nan, 1, 0), Metric("loss", math.nan, 1, 0)],
            params=[Param("kind", "ab"[i % 2]), Param("name", f"Run-{i}"), Param("pattern", "5*[x]")]
            + ([Param("odd", "y")] if i % 2 else []),
            tags=[RunTag("group", f"g{i % 3}")] + ([RunTag("who is", "it's me")] if i == 5 else []),
        )
        if i < 4:
            client.set_terminated(run)
    return ids


def test_search_filters(client, experiment, six):
    wrong = {}
    for text, want in FILTERS.items():
        got = {six.index(r.info.run_id) for r in client.search_runs([experiment], text)}
        if got != want:
            wrong[text] = got
    assert not wrong
    got = client.search_runs([experiment], f"run_id IN ('{six[0]}', '{six[2]}')")
    assert {r.info.run_id for r in got} == {six[0], six[2]}
    got = client.search_runs([experiment], f"attributes.run_id NOT IN ('{six[0]}')")
    assert len(got) == 5


@pytest.mark.parametrize(
    "text",
    [
        "metrics.loss = 'x'",
        "params.kind = 1",
        "metrics.loss LIKE 'x'",
        "foo.bar = 'x'",
        "attributes.nothing = 'x'",
        "params.kind = 'a' OR params.kind = 'b'",
        "params.kind = 'a",
        "metrics.loss > ",
        "(metrics.loss > 1)",
        "metrics.loss > 1; DROP TABLE tracking_run",
        "status IN ('FINISHED')",
        "start_time = 'x'",
        "metrics.loss IS NULL",
        "params.kind ~ 'a'",
    ],
)
def test_bad_filters_are_the_users_mistake(client, experiment, text):
    with pytest.raises(RestException) as err:
        client.search_runs([experiment], text)
    assert err.value.error_code == "INVALID_PARAMETER_VALUE"


def test_search_order_and_pages(client, experiment, six):
    def order(*terms):
        return [six.index(r.info.run_id) for r in client.search_runs([experiment], order_by=list(terms))]

    assert order() == [5, 4, 3, 2, 1, 0]
    assert order("metrics.loss DESC") == [4, 3, 2, 1, 0, 5]
    assert order("metrics.loss ASC") == [0, 1, 2, 3, 4, 5]
    assert order("metrics.nan") == [5, 4, 3, 2, 1, 0]
    assert order("params.odd DESC", "start_time ASC") == [1, 3, 5, 0, 2, 4]
    assert order("params.kind ASC", "attributes.start_time DESC") == [4, 2, 0, 5, 3, 1]
    assert order("tags.`group` DESC", "metrics.`val/loss` DESC") == [2, 5, 4, 1, 3, 0]
    assert order("attributes.run_name ASC") == [0, 1, 2, 3, 4, 5]
    assert order("end_time ASC", "run_name DESC")[-2:] == [5, 4]
    for terms in ([], ["metrics.loss DESC"]):
        seen, token = [], None
        while True:
            page = client.search_runs([experiment], order_by=terms, max_results=4, page_token=token)
            seen += [six.index(r.info.run_id) for r in page]
            token = page.token
            if not token:
                break
        assert sorted(seen) == [0, 1, 2, 3, 4, 5] and len(seen) == 6
    with pytest.raises(RestException, match="max_results"):
        client.search_runs([experiment], max_results=50001)
    with pytest.raises(RestException) as err:
        client.search_runs([experiment], page_token="not a token")
    assert err.value.error_code == "INVALID_PARAMETER_VALUE"


def test_search_as_frame(experiment, six):
    frame = mlflow.search_runs([experiment], order_by=["metrics.loss ASC"])
    assert list(frame["params.kind"]) == ["a", "b", "a", "b", "a", "b"]
    assert frame["metrics.loss"][3] == 0.3


def test_many_runs_page_through(client, experiment):
    from mlflow.tracking._tracking_service.utils import _get_store

    ids = {_get_store().create_run(experiment, "u", 5, [], "r").info.run_id for _ in range(25)}
    seen, token = [], None
    while True:
        page = client.search_runs([experiment], max_results=10, page_token=token)
        seen += [r.info.run_id for r in page]
        token = page.token
        if not token:
            break
    assert len(seen) == 25 and set(seen) == ids
