"""Artifacts through the proxy, with the stock client."""

import contextlib
import json
import os
import pathlib

import mlflow
import pytest
import requests
from mlflow.exceptions import MlflowException


def test_log_list_download(client, experiment, tmp_path, url):
    (tmp_path / "a.txt").write_text("hello")
    tree = tmp_path / "tree"
    (tree / "sub").mkdir(parents=True)
    (tree / "b.txt").write_text("b")
    (tree / "sub" / "c d.txt").write_text("c")
    with mlflow.start_run() as run:
        mlflow.log_artifact(tmp_path / "a.txt")
        mlflow.log_artifacts(tree, artifact_path="deep/tree")
        mlflow.log_text("ünïcode", "notes/text.md")
        mlflow.log_dict({"k": [1, 2]}, "d.json")
    rid = run.info.run_id
    assert [(f.path, f.is_dir, f.file_size) for f in client.list_artifacts(rid)] == [
        ("a.txt", False, 5),
        ("d.json", False, len(json.dumps({"k": [1, 2]}, indent=2))),
        ("deep", True, None),
        ("notes", True, None),
    ]
    assert [f.path for f in client.list_artifacts(rid, "deep/tree")] == ["deep/tree/b.txt", "deep/tree/sub"]
    assert client.list_artifacts(rid, "a.txt") == []
    assert client.list_artifacts(rid, "nothing") == []
    got = client.download_artifacts(rid, "deep", str(tmp_path))
    assert pathlib.Path(got, "tree", "sub", "c d.txt").read_text() == "c"
    assert mlflow.artifacts.load_text(f"runs:/{rid}/notes/text.md") == "ünïcode"
    assert mlflow.artifacts.load_dict(f"runs:/{rid}/d.json") == {"k": [1, 2]}
    answer = requests.get(f"{url}/get-artifact", params={"run_id": rid, "path": "a.txt"}, timeout=10)
    assert answer.text == "hello" and answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "attachment" in answer.headers["Content-Disposition"]


def test_overwrite_and_delete(client, experiment):
    with mlflow.start_run() as run:
        mlflow.log_text("one", "x.txt")
        mlflow.log_text("two", "x.txt")
    rid = run.info.run_id
    assert mlflow.artifacts.load_text(f"runs:/{rid}/x.txt") == "two"
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    repo = get_artifact_repository(run.info.artifact_uri)
    repo.delete_artifacts("x.txt")
    assert client.list_artifacts(rid) == []
    with pytest.raises(MlflowException):
        mlflow.artifacts.load_text(f"runs:/{rid}/x.txt")


def test_large_artifact_streams(client, experiment, tmp_path):
    big = tmp_path / "big.bin"
    block = os.urandom(1 << 20)
    with big.open("wb") as f:
        for i in range(24):
            f.write(bytes([i]) + block[1:])
    with mlflow.start_run() as run:
        mlflow.log_artifact(big)
    out = tmp_path / "out"
    out.mkdir()
    got = client.download_artifacts(run.info.run_id, "big.bin", str(out))
    assert pathlib.Path(got).read_bytes() == big.read_bytes()


def test_paths_cannot_leave_the_store(url, experiment, client):
    rid = client.create_run(experiment).info.run_id
    base = f"{url}/api/2.0/mlflow-artifacts/artifacts/"
    for bad in (
        "..%2f..%2fetc%2fpasswd",
        "a%252f..%252f..%252fb",
        "a%5Cb",
        "%2Fetc/passwd",
        "a%23b",
        "a%00b",
    ):
        for method in ("GET", "PUT", "DELETE"):
            answer = requests.request(method, base + bad, data=b"x", timeout=10)
            assert answer.status_code in (400, 404), (method, bad, answer.text)
    for path in ("../x", "..", "a/../../b", "%2e%2e/x"):
        answer = requests.get(f"{url}/get-artifact", params={"run_id": rid, "path": path}, timeout=10)
        assert answer.status_code == 400, path
        answer = requests.get(
            f"{url}/api/2.0/mlflow/artifacts/list", params={"run_id": rid, "path": path}, timeout=10
        )
        assert answer.status_code == 400, path


def test_image_figure_and_table(client, experiment):
    import numpy as np

    with mlflow.start_run() as run:
        mlflow.log_table({"x": [1, 2], "y": ["a", "b"]}, "table.json")
        mlflow.log_table({"x": [3], "y": ["c"]}, "table.json")
        with contextlib.suppress(ImportError):  # Pillow may be absent
            mlflow.log_image(np.zeros((8, 8, 3), dtype=np.uint8), key="img", step=1)
    frame = mlflow.load_table("table.json", run_ids=[run.info.run_id])
    assert sorted(frame["x"]) == [1, 2, 3]
