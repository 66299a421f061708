"""Ask a running Paraplu with foreign clients of the inference protocols.

PARAPLU_INFERENCE_URL is a server on which the export folders umbrella and iris of internal/modelpack/testdata
answer at endpoints of these names; the Go test TestForeignClients starts one.
"""

import json
import os
from pathlib import Path

import pytest

URL = os.environ.get("PARAPLU_INFERENCE_URL", "")
EXPORTS = Path(__file__).parents[2] / "internal" / "modelpack" / "testdata"


def pytest_collection_modifyitems(items):
    if not URL:
        skip = pytest.mark.skip(reason="PARAPLU_INFERENCE_URL is not set")
        for item in items:
            item.add_marker(skip)


def pytest_sessionfinish(session):
    """Where the clients are required (make test), one that is left out is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("PARAPLU_REQUIRE_PYTHON") and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def url():
    return URL


@pytest.fixture(scope="session")
def host(url):
    """host:port, as some clients want it."""
    return url.removeprefix("http://")


def rows(name):
    """The parity rows of an export folder: inputs, and the answers of scikit-learn."""
    lines = (EXPORTS / name / "parity.jsonl").read_text().splitlines()
    parsed = [json.loads(line) for line in lines]
    return [r["inputs"] for r in parsed], [r["outputs"] for r in parsed]


@pytest.fixture(scope="session")
def umbrella():
    return rows("umbrella")


@pytest.fixture(scope="session")
def iris():
    return rows("iris")
