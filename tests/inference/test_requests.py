"""The protocol as its text says, with nothing but HTTP."""

import concurrent.futures
import math
import uuid

import pytest
import requests

TYPES = {"rain_forecast_mm": "FP32", "temp_c": "FP32", "promo": "INT64", "weekday": "BYTES"}


def tensors(inputs):
    return [
        {"name": n, "datatype": d, "shape": [len(inputs), 1], "data": [r[n] for r in inputs]}
        for n, d in TYPES.items()
    ]


def test_health_has_bodies_and_exact_content_type(url):
    for path, body in {"live": {"live": True}, "ready": {"ready": True}}.items():
        r = requests.get(f"{url}/v2/health/{path}", timeout=10)
        assert (r.status_code, r.json(), r.headers["Content-Type"]) == (200, body, "application/json")
    assert requests.get(f"{url}/v2", timeout=10).json()["extensions"]
    assert requests.get(f"{url}/v2/models/umbrella/ready", timeout=10).json() == {
        "name": "umbrella",
        "ready": True,
    }


def test_every_parity_row_as_one_batch_and_alone(url, umbrella):
    inputs, outputs = umbrella
    want = [o["umbrellas"] for o in outputs]
    r = requests.post(
        f"{url}/v2/models/umbrella/infer",
        json={"id": f"b-{uuid.uuid4()}", "inputs": tensors(inputs)},
        timeout=10,
    )
    assert r.status_code == 200, r.text
    answer = r.json()["outputs"][0]
    assert answer["shape"] == [len(inputs), 1]
    assert answer["data"] == pytest.approx(want, rel=1e-4)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        alone = list(
            pool.map(
                lambda row: requests.post(
                    f"{url}/v2/models/umbrella/infer", json={"inputs": tensors([row])}, timeout=10
                ).json(),
                inputs,
            )
        )
    assert [a["outputs"][0]["data"][0] for a in alone] == answer["data"]


def test_gzip(url, umbrella):
    import gzip
    import json

    body = gzip.compress(json.dumps({"inputs": tensors(umbrella[0])}).encode())
    r = requests.post(
        f"{url}/v2/models/umbrella/infer", data=body, headers={"Content-Encoding": "gzip"}, timeout=10
    )
    assert r.status_code == 200, r.text


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"weekday": "Samstag"}, "Samstag"),
        ({"rain_forecast_mm": 201}, "above the maximum 200 mm"),
        ({"promo": 0.5}, "not an INT64"),
        ({"temp_c": None}, "missing"),
    ],
)
def test_mistakes_are_named(url, umbrella, change, text):
    r = requests.post(
        f"{url}/v2/models/umbrella/infer",
        json={"inputs": tensors([{**umbrella[0][0], **change}])},
        timeout=10,
    )
    assert (r.status_code, r.headers["Content-Type"]) == (400, "application/json")
    assert text in r.json()["error"]


def test_unknown_model_is_404(url):
    r = requests.post(f"{url}/v2/models/rain/infer", json={"inputs": []}, timeout=10)
    assert r.status_code in (400, 404)
    assert requests.get(f"{url}/v2/models/rain", timeout=10).status_code == 404


def test_answers_are_json_numbers(url, iris):
    inputs, outputs = iris
    r = requests.post(f"{url}/models/iris/invocations", json={"dataframe_records": inputs}, timeout=10)
    assert r.status_code == 200, r.text
    got = r.json()["predictions"]
    assert [g["label"] for g in got] == [o["label"] for o in outputs]
    for g, o in zip(got, outputs, strict=True):
        assert g["probabilities"] == pytest.approx(o["probabilities"], abs=1e-5)
        assert math.isclose(sum(g["probabilities"]), 1, abs_tol=1e-5)
