"""NVIDIA's client, as it comes: binary tensors in both directions."""

import numpy as np
import pytest

http = pytest.importorskip("tritonclient.http")
utils = pytest.importorskip("tritonclient.utils")

NUMPY = {"rain_forecast_mm": np.float32, "temp_c": np.float32, "promo": np.int64, "weekday": np.object_}


@pytest.fixture
def client(host):
    with http.InferenceServerClient(host) as c:
        yield c


def inputs(rows, binary=True):
    out = []
    for name, dtype in NUMPY.items():
        values = [np.nan if r[name] is None else r[name] for r in rows]
        array = np.array(values, dtype=dtype).reshape(-1, 1)
        tensor = http.InferInput(name, array.shape, utils.np_to_triton_dtype(array.dtype))
        tensor.set_data_from_numpy(array, binary_data=binary)
        out.append(tensor)
    return out


def test_server_and_metadata(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("umbrella")
    assert client.is_model_ready("iris", "3")
    assert not client.is_model_ready("rain")
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    meta = client.get_model_metadata("umbrella")
    assert [i["datatype"] for i in meta["inputs"]] == ["FP32", "FP32", "INT64", "BYTES"]
    assert {m["name"] for m in client.get_model_repository_index()} >= {"umbrella", "iris"}
    assert client.get_inference_statistics("iris")["model_stats"][0]["name"] == "iris"


def test_binary_both_ways(client, umbrella):
    rows, outputs = umbrella
    result = client.infer("umbrella", inputs(rows), request_id="triton-1")
    got = result.as_numpy("umbrellas")
    assert got.shape == (len(rows), 1)
    np.testing.assert_allclose(got[:, 0], [o["umbrellas"] for o in outputs], rtol=1e-4)
    assert result.get_response()["id"] == "triton-1"


@pytest.mark.parametrize("compression", [None, "gzip", "deflate"])
def test_compression(client, umbrella, compression):
    got = client.infer("umbrella", inputs(umbrella[0][:3]), request_compression_algorithm=compression)
    assert got.as_numpy("umbrellas").shape == (3, 1)


def test_mixed_outputs_and_version(client, iris):
    rows, outputs = iris
    tensors = []
    for name in rows[0]:
        array = np.array([r[name] for r in rows], dtype=np.float32)
        tensor = http.InferInput(name, array.shape, "FP32")
        tensor.set_data_from_numpy(array)
        tensors.append(tensor)
    wanted = [
        http.InferRequestedOutput("probabilities", binary_data=True),
        http.InferRequestedOutput("label", binary_data=False),
    ]
    result = client.infer("iris", tensors, model_version="3", outputs=wanted)
    assert result.as_numpy("label")[:, 0].tolist() == [o["label"] for o in outputs]
    np.testing.assert_allclose(
        result.as_numpy("probabilities"), [o["probabilities"] for o in outputs], atol=1e-5
    )


def test_errors_are_told(client, umbrella):
    with pytest.raises(utils.InferenceServerException, match="Samstag"):
        client.infer("umbrella", inputs([{**umbrella[0][0], "weekday": "Samstag"}]))
    with pytest.raises(utils.InferenceServerException, match="no model"):
        client.infer("rain", inputs(umbrella[0][:1]))
