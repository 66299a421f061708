"""Artifacts through the proxy, with the stock client."""

import filecmp
import json
import os
import pathlib
import socket
import subprocess
import threading
import time

import mlflow
import pytest
import requests
from mlflow.exceptions import MlflowException

ROOT = pathlib.Path(__file__).parents[2]
GIGABYTE = 1 << 30


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
    import matplotlib
    import numpy as np

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots()
    axes.plot([1, 2])
    with mlflow.start_run() as run:
        mlflow.log_table({"x": [1, 2], "y": ["a", "b"]}, "table.json")
        mlflow.log_table({"x": [3], "y": ["c"]}, "table.json")
        mlflow.log_image(np.zeros((8, 8, 3), dtype=np.uint8), key="img", step=1)
        mlflow.log_image(np.zeros((8, 8, 3), dtype=np.uint8), "plain/img.png")
        mlflow.log_figure(figure, "figures/line.png")
    pyplot.close(figure)
    rid = run.info.run_id
    frame = mlflow.load_table("table.json", run_ids=[rid])
    assert sorted(frame["x"]) == [1, 2, 3]
    assert mlflow.load_table("table.json", run_ids=[rid], extra_columns=["run_id"])[
        "run_id"
    ].unique().tolist() == [rid]
    assert mlflow.artifacts.load_image(f"runs:/{rid}/plain/img.png").size == (8, 8)
    assert mlflow.artifacts.load_image(f"runs:/{rid}/figures/line.png").size[0] > 100
    assert len(client.list_artifacts(rid, "images")) == 2  # the picture and its preview


def test_download_artifacts_of_every_kind(client, experiment, tmp_path):
    with mlflow.start_run() as run:
        mlflow.log_text("", "empty.txt")
        mlflow.log_text("a", "deep/er/a b+c%.txt")
        mlflow.log_text("b", "deep/ünï.txt")
    whole = pathlib.Path(
        mlflow.artifacts.download_artifacts(run.info.artifact_uri, dst_path=str(tmp_path / "all"))
    )
    assert (whole / "empty.txt").read_bytes() == b""
    assert (whole / "deep/er/a b+c%.txt").read_text() == "a"
    assert (whole / "deep/ünï.txt").read_text() == "b"
    one = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="deep/er/a b+c%.txt")
    assert pathlib.Path(one).read_text() == "a"
    uri = run.info.artifact_uri + "/deep"
    assert {f.path for f in mlflow.artifacts.list_artifacts(artifact_uri=uri)} == {"deep/er", "deep/ünï.txt"}
    with pytest.raises(MlflowException):
        mlflow.artifacts.download_artifacts(f"runs:/{run.info.run_id}/none")


@pytest.fixture
def watched(monkeypatch):
    """The calls that the client makes, as "PUT /path"."""
    calls, send = [], requests.Session.send

    def noted(self, request, **kwargs):
        calls.append(f"{request.method} {request.path_url}")
        return send(self, request, **kwargs)

    monkeypatch.setattr(requests.Session, "send", noted)
    return calls


def test_large_files_go_and_come_in_parts(client, experiment, tmp_path, monkeypatch, watched):
    """With a lower threshold; that the server offers it is read from server-info, as for a file of 500 MB."""
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", "1000000")
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE", "300000")
    monkeypatch.setenv("MLFLOW_MULTIPART_DOWNLOAD_CHUNK_SIZE", "250000")
    data = os.urandom(2_000_123)
    big, small = tmp_path / "big file%.bin", tmp_path / "small.bin"
    big.write_bytes(data)
    small.write_bytes(data[:1000])
    with mlflow.start_run() as run:
        mlflow.log_artifact(big, "sub folder")
        mlflow.log_artifact(small)
    puts = [c for c in watched if c.startswith("PUT")]
    assert sum("/signed/parts/" in c for c in puts) == 7
    assert sum("small.bin" in c for c in puts) == 1
    assert not any("/artifacts/artifacts/" in c and "big" in c for c in puts)
    rid = run.info.run_id
    assert [(f.path, f.file_size) for f in client.list_artifacts(rid, "sub folder")] == [
        ("sub folder/big file%.bin", len(data))
    ]
    got = client.download_artifacts(rid, "sub folder/big file%.bin", str(tmp_path))
    assert pathlib.Path(got).read_bytes() == data
    assert sum("GET" in c and "/signed/files/" in c for c in watched) == 9


def test_failed_upload_in_parts_leaves_nothing(client, experiment, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", "1000")
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE", "1000")
    (tmp_path / "x.bin").write_bytes(os.urandom(5000))
    put = requests.put

    def broken(url, **kwargs):
        return put(url.replace("/3/", "/4/") if "/parts/" in url else url, **kwargs)

    monkeypatch.setattr(requests, "put", broken)
    with mlflow.start_run() as run, pytest.raises(MlflowException, match="at least one part"):
        mlflow.log_artifact(tmp_path / "x.bin")
    assert client.list_artifacts(run.info.run_id) == []


def test_registered_model_in_parts(client, experiment, name, tmp_path, monkeypatch):
    """log_model and load_model through the same ways, with weights above the threshold."""
    import numpy as np
    from sklearn.linear_model import Ridge

    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", "10000")
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE", "5000")
    x = np.random.default_rng(0).normal(size=(20, 3000))
    model = Ridge().fit(x, x[:, 0])
    with mlflow.start_run():
        info = mlflow.sklearn.log_model(model, name="m", registered_model_name=name, pip_requirements=[])
    loaded = mlflow.sklearn.load_model(f"models:/{name}/1")
    assert np.array_equal(loaded.predict(x), model.predict(x))
    assert np.array_equal(mlflow.pyfunc.load_model(info.model_uri).predict(x), model.predict(x))


class Server:
    """A Paraplu process of its own, and how much memory it takes."""

    def __init__(self, home):
        binary = os.environ.get("PARAPLU_BIN") or str(ROOT / "bin" / "paraplu")
        if not pathlib.Path(binary).exists():
            pytest.fail(f"{binary} is missing: make build, or set PARAPLU_SKIP_LARGE=1")
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{s.getsockname()[1]}"
        self.url = "http://" + address
        self.process = subprocess.Popen(
            [binary, "up", "--home", str(home), "--addr", address], stdout=subprocess.DEVNULL
        )
        end = time.monotonic() + 20
        while True:
            try:
                if requests.get(self.url + "/health", timeout=5).ok:
                    return
            except requests.ConnectionError:
                assert time.monotonic() < end and self.process.poll() is None, "the server did not start"
                time.sleep(0.02)

    def anonymous(self):
        """Memory of the process that is not that of a file, in bytes (RssAnon)."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("RssAnon is not told here")

    def peak(self, work):
        """The greatest RssAnon while work() runs, and how long that takes in seconds."""
        seen, done, began = [self.anonymous()], threading.Event(), time.monotonic()

        def look():
            while not done.wait(0.005):
                seen.append(self.anonymous())

        watcher = threading.Thread(target=look)
        watcher.start()
        try:
            work()
        finally:
            done.set()
            watcher.join()
        return max(seen), time.monotonic() - began


@pytest.mark.skipif(bool(os.environ.get("PARAPLU_SKIP_LARGE")), reason="PARAPLU_SKIP_LARGE is set")
def test_gigabyte_in_constant_memory(url, tmp_path, monkeypatch):
    """1 GB goes up plainly and comes down in parallel ranges; the server grows by less than 32 MB."""
    big = tmp_path / "big.bin"
    with big.open("wb") as f:  # mostly holes, each stretch unlike the others
        f.truncate(GIGABYTE)
        for i in range(0, GIGABYTE, 1 << 26):
            f.seek(i)
            f.write(os.urandom(4096))
    monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD", "false")
    (tmp_path / "home").mkdir()
    (tmp_path / "out").mkdir()
    server = Server(tmp_path / "home")
    try:
        mlflow.set_tracking_uri(server.url)
        client = mlflow.MlflowClient(server.url)
        run = client.create_run("0").info
        before = server.anonymous()
        up, sent = server.peak(lambda: client.log_artifact(run.run_id, str(big)))
        down, got = server.peak(
            lambda: client.download_artifacts(run.run_id, "big.bin", str(tmp_path / "out"))
        )
        print(
            f"RssAnon before {before >> 20} MB; up {up >> 20} MB, {sent:.1f} s;",
            f"down {down >> 20} MB, {got:.1f} s",
        )
        assert max(up, down) - before < 32 << 20
        assert filecmp.cmp(big, tmp_path / "out" / "big.bin", shallow=False)
    finally:
        mlflow.set_tracking_uri(url)
        server.process.terminate()
        server.process.wait(20)
        for path in (big, tmp_path / "out" / "big.bin"):
            path.unlink(missing_ok=True)
