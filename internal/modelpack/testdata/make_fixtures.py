"""Make the export folders of the tests: small scikit-learn models with parity rows of the original library.

pip install scikit-learn==1.9.1 skl2onnx==1.20.0 onnx==1.23.2 pandas
python make_fixtures.py          # writes umbrella/, umbrella2/, iris/ beside this file
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn
from skl2onnx import convert_sklearn
from skl2onnx.common import data_types as t
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

HERE = Path(__file__).parent
OPSETS = {"": 17, "ai.onnx.ml": 3}
WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
INPUTS = [
    {"name": "rain_forecast_mm", "type": "float", "nullable": True, "min": 0, "max": 200, "unit": "mm"},
    {"name": "temp_c", "type": "float", "nullable": False, "min": -30, "max": 50, "unit": "degC"},
    {"name": "promo", "type": "long", "nullable": False, "min": 0, "max": 1},
    {"name": "weekday", "type": "string", "nullable": False, "categories": WEEKDAYS},
]
KINDS = {"float": t.FloatTensorType, "long": t.Int64TensorType, "string": t.StringTensorType}


def value(x):
    """A plain JSON value; a missing number is null."""
    if isinstance(x, str):
        return x
    x = x.item() if hasattr(x, "item") else x
    return None if isinstance(x, float) and x != x else x


def write(name, proto, rows, signature):
    out = HERE / name
    out.mkdir(exist_ok=True)
    del proto.metadata_props[:]
    (out / "model.onnx").write_bytes(proto.SerializeToString(deterministic=True))
    (out / "parity.jsonl").write_text("".join(json.dumps(r, allow_nan=False) + "\n" for r in rows))
    signature["framework"] = f"scikit-learn {sklearn.__version__}"
    (out / "signature.json").write_text(json.dumps(signature, indent=2) + "\n")
    names = [c["name"] for c in signature["inputs"]]
    example = {"columns": names, "data": [[rows[0]["inputs"][n] for n in names]]}
    (out / "input_example.json").write_text(json.dumps(example) + "\n")
    (out / "requirements.txt").write_text(f"scikit-learn=={sklearn.__version__}\n")


def umbrella(name, estimator, limit):
    rng = np.random.default_rng(7)
    n = 400
    frame = pd.DataFrame(
        {
            "rain_forecast_mm": np.where(rng.random(n) < 0.1, np.nan, rng.gamma(0.6, 6, n)).astype("float32"),
            "temp_c": rng.normal(11, 6, n).astype("float32"),
            "promo": rng.integers(0, 2, n),
            "weekday": rng.choice(WEEKDAYS, n),
        }
    )
    sold = 5 + 3 * np.nan_to_num(frame.rain_forecast_mm) + 4 * frame.promo + (frame.weekday == "sat") * 6
    pipe = make_pipeline(
        ColumnTransformer(
            [
                ("num", SimpleImputer(strategy="median"), ["rain_forecast_mm", "temp_c"]),
                ("flag", "passthrough", ["promo"]),
                ("cat", OneHotEncoder(handle_unknown="ignore"), ["weekday"]),
            ]
        ),
        estimator,
    ).fit(frame, sold + rng.normal(0, 2, n))
    proto = convert_sklearn(
        pipe,
        name=name,
        initial_types=[(c["name"], KINDS[c["type"]]([None, 1])) for c in INPUTS],
        target_opset=OPSETS,
    )
    old = proto.graph.output[0].name
    for node in proto.graph.node:
        for i, o in enumerate(node.output):
            if o == old:
                node.output[i] = "umbrellas"
    proto.graph.output[0].name = "umbrellas"
    sample = frame.iloc[:40]
    rows = [
        {"inputs": {c: value(r[c]) for c in frame.columns}, "outputs": {"umbrellas": float(p)}}
        for (_, r), p in zip(sample.iterrows(), pipe.predict(sample), strict=True)
    ]
    write(
        name,
        proto,
        rows,
        {
            "inputs": INPUTS,
            "outputs": [{"name": "umbrellas", "type": "float", "unit": "pieces", "min": 0}],
            "tolerance": {"umbrellas": {"kind": "max_rel", "limit": limit}},
        },
    )


def iris():
    data = load_iris()
    X = data.data.astype("float32")
    pipe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(X, data.target)
    proto = convert_sklearn(
        pipe,
        name="iris",
        initial_types=[("X", t.FloatTensorType([None, 4]))],
        target_opset=OPSETS,
        options={id(pipe): {"zipmap": False}},
    )
    names = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    sample = X[::5]
    rows = [
        {
            "inputs": dict(zip(names, map(float, x), strict=True)),
            "outputs": {"label": int(y), "probabilities": [float(v) for v in p]},
        }
        for x, y, p in zip(sample, pipe.predict(sample), pipe.predict_proba(sample), strict=True)
    ]
    write(
        "iris",
        proto,
        rows,
        {
            "inputs": [
                {"name": n, "type": "float", "nullable": False, "min": 0, "max": 30, "unit": "cm"}
                for n in names
            ],
            "outputs": [
                {"name": "label", "type": "long"},
                {"name": "probabilities", "type": "float", "shape": [3]},
            ],
            "tolerance": {
                "label": {"kind": "exact_label"},
                "probabilities": {"kind": "max_abs", "limit": 1e-5},
            },
        },
    )


if __name__ == "__main__":
    umbrella("umbrella", GradientBoostingRegressor(n_estimators=30, max_depth=3, random_state=0), 1e-4)
    umbrella("umbrella2", Ridge(), 1e-5)
    iris()
