"""Makes what is not text here: two models of one weight each, and deliveries. Run it with the repository's Python:

    .venv/bin/python internal/cli/testdata/stand/make.py

The good model orders 32 + 4 umbrellas for each mm of rain, the poor one always 20.
"""

import csv
import datetime as dt
import json
import pathlib

import onnx
from onnx import TensorProto, helper

HERE = pathlib.Path(__file__).parent
DAYS = 70


def model(name: str, slope: float, level: float) -> None:
    node = helper.make_node(
        "LinearRegressor", ["rain_mm"], ["order"], domain="ai.onnx.ml", coefficients=[float(slope)], intercepts=[float(level)]
    )
    graph = helper.make_graph(
        [node],
        "stand",
        [helper.make_tensor_value_info("rain_mm", TensorProto.FLOAT, [None, 1])],
        [helper.make_tensor_value_info("order", TensorProto.FLOAT, [None, 1])],
    )
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("ai.onnx.ml", 1)]
    folder = HERE / "models" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(
        helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="stand").SerializeToString()
    )
    signature = {
        "inputs": [{"name": "rain_mm", "type": "float", "min": 0, "max": 300, "unit": "mm"}],
        "outputs": [{"name": "order", "type": "float", "unit": "umbrellas", "min": 0}],
        "tolerance": {"order": {"kind": "max_rel", "limit": 1e-5}},
        "framework": "by hand",
    }
    (folder / "signature.json").write_text(json.dumps(signature, indent=1) + "\n")
    with open(folder / "parity.jsonl", "w") as f:
        for rain in (0, 0.5, 3, 12, 40):
            f.write(json.dumps({"inputs": {"rain_mm": rain}, "outputs": {"order": level + slope * rain}}) + "\n")
    (folder / "requirements.txt").write_text("# no library was needed\n")


def deliveries() -> None:
    first = dt.date(2026, 1, 5)  # a Monday
    rows = []
    for i in range(DAYS):
        day = first + dt.timedelta(i)
        rain = round(max(0, (i * 37 % 23) - 9) * 0.9, 1)
        sold = round(30 + 4 * rain + (i * 5 % 7) - 3)
        rows.append([day, rain, f"{day - dt.timedelta(1)}T12:00:00Z", sold, f"{day + dt.timedelta(1)}T00:00:00Z"])

    def write(name: str, rows: list, head=("day", "rain_mm", "forecast_at", "sold", "known_at")) -> None:
        (HERE / "deliveries").mkdir(exist_ok=True)
        with open(HERE / "deliveries" / f"{name}.csv", "w", newline="") as f:
            w = csv.writer(f, lineterminator="\n")
            w.writerow(head)
            w.writerows(rows)

    write("march", rows[:56])
    write("april", rows)
    write("renamed", rows, ("day", "rain_inch", "forecast_at", "sold", "known_at"))
    write("negative", [*rows[:40], [rows[40][0], rows[40][1], rows[40][2], -9999, rows[40][4]], *rows[41:]])
    write("doubled", [*rows, rows[-1]])
    write("empty", [])


model("good", 4, 32)
model("poor", 0, 20)
deliveries()
