"""A workspace as the demo makes it: a copy of the example with deliveries in data/."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HERE))


def run(folder: Path, *command: str, params: str | None = None) -> str:
    """Run a script of the example in a workspace; its output."""
    environment = {k: v for k, v in os.environ.items() if k != "PARAPLU_PARAMS"} | {"PYTHONHASHSEED": "0"}
    if params:
        environment["PARAPLU_PARAMS"] = params
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def workspace(folder: Path, until: str) -> Path:
    shutil.copytree(
        HERE, folder, ignore=shutil.ignore_patterns("tests", "build", "data", "__pycache__", ".*")
    )
    run(folder, "simulate.py", "--until", until, "--out", "data")
    return folder


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace of the first release: trained on 2012 and 2013, scored on 2014."""
    folder = workspace(tmp_path_factory.mktemp("umbrella") / "w", "2014-12-31")
    for script in ("features.py", "train.py", "evaluate.py"):
        run(folder, script)
    return folder


@pytest.fixture(scope="session")
def retrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace of the retraining, with the overrides of paraplu.yaml."""
    import yaml

    folder = workspace(tmp_path_factory.mktemp("umbrella") / "w", "2015-04-02")
    params = yaml.safe_load((folder / "params.yaml").read_text())
    for key, value in yaml.safe_load((folder / "paraplu.yaml").read_text())["retrain"]["set"].items():
        section, name = key.split(".")
        params[section][name] = value
    (folder / "effective.yaml").write_text(yaml.safe_dump(params))
    for script in ("features.py", "train.py", "evaluate.py"):
        run(folder, script, params="effective.yaml")
    return folder
