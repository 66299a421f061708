"""Times one row in the peers: python peer.py model.onnx FOLDER-OF-THE-STORY. Prints microseconds for a row as JSON."""

import json
import statistics
import sys
import time
from pathlib import Path

import joblib
import numpy as np
import onnxruntime

graph, story = sys.argv[1], Path(sys.argv[2])
sys.path.insert(0, str(story))
import learn
import product

KINDS = {
    "tensor(float)": np.float32,
    "tensor(int64)": np.int64,
    "tensor(string)": object,
    "tensor(double)": np.float64,
}
VALUES = {"rain_forecast_mm": 3.4, "weekday": "Thu", "month": 11}


def median(call, seconds=2.0):
    call()
    times, began = [], time.perf_counter()
    while time.perf_counter() - began < seconds:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e6


options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(
    graph, options, providers=["CPUExecutionProvider"]
)


def feed(n):
    return {
        i.name: np.full((n, 1), VALUES[i.name], dtype=KINDS[i.type])
        for i in session.get_inputs()
    }


one, many = feed(1), feed(1000)
model = joblib.load(story / "build" / "model.joblib")
frame = learn.frame(product.read_csv(str(story / "build" / "replay.csv"))[:1])
print(
    json.dumps(
        {
            "onnxruntime": median(lambda: session.run(None, one)),
            "onnxruntime_batch": median(lambda: session.run(None, many)) / 1000,
            "scikit_learn": median(lambda: model.predict(frame)),
        }
    )
)
