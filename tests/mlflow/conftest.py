"""Drive a running Paraplu with the stock MLflow client.

The address is in PARAPLU_URL. Every test works in an experiment of its own, so the suite may run
against a server that is in use, and several times.
"""

import os
import uuid

os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_ENABLE_ASYNC_TRACE_LOGGING", "false")  # a flush takes a second
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")

import mlflow
import pytest
from mlflow import MlflowClient

URL = os.environ.get("PARAPLU_URL", "")


def pytest_collection_modifyitems(items):
    if not URL:
        skip = pytest.mark.skip(reason="PARAPLU_URL is not set")
        for item in items:
            item.add_marker(skip)


def pytest_sessionfinish(session):
    """Where the client is required (make test), a package that a test misses is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    missing = [str(report.longrepr) for report in skipped if "could not import" in str(report.longrepr)]
    if os.environ.get("PARAPLU_REQUIRE_PYTHON") and missing:
        print("\n".join(missing))
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session", autouse=True)
def imports_of_flavors():
    """log_model starts a Python that loads the model to see what it imports; once for a flavour is enough."""
    from mlflow.utils import requirements_utils

    find, known = requirements_utils._capture_imported_modules, {}

    def once(model_uri, flavor, *args, **kwargs):
        if flavor not in known:
            known[flavor] = find(model_uri, flavor, *args, **kwargs)
        return known[flavor]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(requirements_utils, "_capture_imported_modules", once)
        yield


@pytest.fixture(scope="session")
def url():
    mlflow.set_tracking_uri(URL)
    mlflow.set_registry_uri(URL)
    return URL


@pytest.fixture
def client(url):
    return MlflowClient(tracking_uri=url)


@pytest.fixture
def name():
    """A name that nothing else has."""
    return "t-" + uuid.uuid4().hex[:12]


@pytest.fixture
def experiment(client, name):
    """The id of a new, active experiment."""
    eid = mlflow.set_experiment(name).experiment_id
    yield eid
    while mlflow.active_run():
        mlflow.end_run()


@pytest.fixture
def new_run(client, experiment):
    """The id of a run that is open, and not the active one."""
    return client.create_run(experiment).info.run_id
