"""Logging at size and from other threads: batches, asynchronous calls, long histories, system metrics."""

import math
import threading

import mlflow
import pytest
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException, RestException


def points(client, run, key):
    return [(m.timestamp, m.step, m.value) for m in client.get_metric_history(run, key)]


def test_greatest_batch(client, new_run):
    client.log_batch(new_run, metrics=[Metric(f"m{i}", i, 1, 0) for i in range(1000)])
    client.log_batch(
        new_run,
        metrics=[Metric("all", i, 1, i) for i in range(800)],
        params=[Param(f"p{i}", str(i)) for i in range(100)],
        tags=[RunTag(f"t{i}", str(i)) for i in range(100)],
    )
    data = client.get_run(new_run).data
    assert len(data.metrics) == 1001 and data.metrics["all"] == 799 and data.metrics["m999"] == 999
    assert len(data.params) == 100 and data.params["p99"] == "99"
    assert sum(k.startswith("t") for k in data.tags) == 100


def test_server_refuses_what_is_over_the_limits(client, url, new_run):
    from mlflow.tracking._tracking_service.utils import _get_store

    store = _get_store(url)  # below the client, which splits batches
    for what, batch in {
        "1000 metrics": ([Metric("m", i, 1, i) for i in range(1001)], [], []),
        "100 params": ([], [Param(f"p{i}", "1") for i in range(101)], []),
        "100 tags": ([], [], [RunTag(f"t{i}", "1") for i in range(101)]),
        "1000 metrics, params, and tags": (
            [Metric("m", i, 1, i) for i in range(1000)],
            [Param("p", "1")],
            [],
        ),
    }.items():
        with pytest.raises(MlflowException, match=f"can contain at most {what}"):
            store.log_batch(new_run, *batch)
    assert client.get_run(new_run).data.metrics == {} and client.get_run(new_run).data.params == {}


def test_a_refused_batch_leaves_nothing(client, url, new_run):
    from mlflow.tracking._tracking_service.utils import _get_store

    client.log_param(new_run, "p", "a")
    with pytest.raises(RestException, match="Changing param values is not allowed"):
        _get_store(url).log_batch(
            new_run, [Metric("m", 1, 1, 0)], [Param("new", "1"), Param("p", "b")], [RunTag("t", "1")]
        )
    data = client.get_run(new_run).data
    assert data.params == {"p": "a"} and data.metrics == {} and "t" not in data.tags


def test_steps_and_special_values_in_batches(client, new_run):
    values = [math.nan, math.inf, -math.inf, 1e308, -0.0, 5e-324]
    client.log_batch(new_run, metrics=[Metric("x", v, 7, i - 3) for i, v in enumerate(values)])
    biggest = 1.7976931348623157e308
    got = sorted(client.get_metric_history(new_run, "x"), key=lambda m: m.step)
    assert [m.step for m in got] == [-3, -2, -1, 0, 1, 2]
    assert math.isnan(got[0].value)
    assert [m.value for m in got[1:]] == [biggest, -biggest, 1e308, 0.0, 5e-324]
    assert client.get_run(new_run).data.metrics == {"x": 5e-324}


def test_asynchronous_logging(client, experiment):
    with mlflow.start_run() as run:
        first = mlflow.log_metric("m", 1, step=1, synchronous=False)
        mlflow.log_metrics({"m": 2, "n": 3}, step=2, synchronous=False)
        mlflow.log_param("p", "1", synchronous=False)
        mlflow.log_params({"q": 2, "r": 3}, synchronous=False)
        mlflow.set_tags({"t": "x"}, synchronous=False)
        for i in range(300):
            mlflow.log_metric("many", i, step=i, synchronous=False)
        first.wait()
        assert client.get_run(run.info.run_id).data.metrics["m"] in (1, 2)
        mlflow.flush_async_logging()
    data = client.get_run(run.info.run_id).data
    assert data.metrics == {"m": 2, "n": 3, "many": 299}
    assert data.params == {"p": "1", "q": "2", "r": "3"} and data.tags["t"] == "x"
    assert [step for _, step, _ in points(client, run.info.run_id, "many")] == list(range(300))


def test_threads_share_a_run(client, new_run):
    def work(n):
        for i in range(40):
            client.log_metric(new_run, f"w{n % 2}", i, timestamp=1000 + i, step=n * 40 + i)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert client.get_run(new_run).data.metrics == {"w0": 39, "w1": 39}
    assert len(points(client, new_run, "w0")) == 80 and len(points(client, new_run, "w1")) == 80


def test_history_of_more_than_one_page(client, new_run):
    total = 26_000  # the client asks for pages of 25,000
    for start in range(0, total, 1000):
        client.log_batch(new_run, metrics=[Metric("m", i % 7, i, i) for i in range(start, start + 1000)])
    assert points(client, new_run, "m") == [(i, i, float(i % 7)) for i in range(total)]


def test_system_metrics(client, experiment, monkeypatch):
    pytest.importorskip("psutil")
    from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

    published, publish = threading.Event(), SystemMetricsMonitor.publish_metrics

    def tell(monitor, metrics):
        publish(monitor, metrics)
        published.set()

    monkeypatch.setattr(SystemMetricsMonitor, "publish_metrics", tell)
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.05")
    with mlflow.start_run(log_system_metrics=True) as run:
        assert published.wait(60)
    metrics = client.get_run(run.info.run_id).data.metrics
    assert 0 <= metrics["system/cpu_utilization_percentage"] <= 100
    assert "system/system_memory_usage_megabytes" in metrics
