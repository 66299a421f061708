"""Shared by make_zoo.py and make_live.py: runs a model in ONNX Runtime and writes it as a case.

A case is ``<name>.onnx`` and ``<name>.json`` with the inputs, what ONNX Runtime (one thread) computed and, where
there is one, what the training library predicted. Numbers are base64 of little-endian bytes, so nothing is rounded.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import onnx
import onnx.helper
import onnxruntime as ort

DTYPES = {"float32": np.float32, "float64": np.float64, "int32": np.int32, "int64": np.int64, "bool": np.bool_}


def accept_bools() -> None:
    """Let onnx.helper take lists of bool: skl2onnx writes them for histogram boosting, newer onnx refuses them."""
    original = onnx.helper.make_attribute

    def make(key, value, *args, **kwargs):
        if isinstance(value, (list, tuple)) and any(isinstance(v, (bool, np.bool_)) for v in value):
            value = [int(v) for v in value]
        return original(key, value, *args, **kwargs)

    onnx.helper.make_attribute = make


def encode(value: object) -> dict:
    """Turn an array, or the list of maps that ZipMap makes, into JSON."""
    if isinstance(value, list):  # ZipMap: one map per row
        keys = list(value[0]) if value else []
        flat = np.array([[row[k] for k in keys] for row in value], dtype=np.float32)
        return {**encode(flat), "labels": [str(k) for k in keys]}
    array = np.asarray(value)
    if array.dtype.kind in "OUS":
        return {"dtype": "string", "shape": list(array.shape), "strings": [str(v) for v in array.ravel()]}
    name = array.dtype.name
    if name not in DTYPES:
        raise TypeError(f"dtype {name}")
    data = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes()
    return {"dtype": name, "shape": list(array.shape), "data": base64.b64encode(data).decode()}


def session(model: bytes) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def write_case(
    folder: Path,
    name: str,
    model: bytes,
    inputs: dict[str, np.ndarray],
    *,
    exact: bool = False,
    library: dict[str, np.ndarray] | None = None,
    library_tolerance: float = 1e-5,
    unsupported: bool = False,
    scale: float = 1.0,
) -> bool:
    """Write one case; False when ONNX Runtime refuses to load the model.

    exact asks for equal bits. scale is the size of the terms that cancel inside the model: the absolute tolerance
    grows with it. A run that fails in ONNX Runtime is written with ``error`` instead of outputs.
    """
    case: dict = {"name": name, "exact": exact, "unsupported": unsupported, "scale": scale}
    case["inputs"] = {k: encode(v) for k, v in inputs.items()}
    try:
        run = session(model)
    except Exception as problem:  # noqa: BLE001 - any refusal counts
        print(f"skip {name}: {str(problem)[:150]}")
        return False
    names = [o.name for o in run.get_outputs()]
    try:
        values = run.run(names, inputs)
    except Exception as problem:  # noqa: BLE001
        case["error"] = str(problem)[:200]
    else:
        case["outputs"] = {k: encode(v) for k, v in zip(names, values)}
    if library:
        case["library"] = {k: encode(v) for k, v in library.items()}
        case["library_tolerance"] = library_tolerance
    (folder / f"{name}.onnx").write_bytes(model)
    (folder / f"{name}.json").write_text(json.dumps(case, separators=(",", ":")) + "\n")
    return True


def thresholds(model_bytes: bytes) -> list[tuple[int, float]]:
    """All (feature, threshold) pairs of the tree ensembles in a model."""
    found = []
    for node in onnx.load_model_from_string(model_bytes).graph.node:
        if not node.op_type.startswith("TreeEnsemble"):
            continue
        attrs = {a.name: a for a in node.attribute}
        values = attrs["nodes_values"].floats if "nodes_values" in attrs else []
        if "nodes_values_as_tensor" in attrs:
            values = onnx.numpy_helper.to_array(attrs["nodes_values_as_tensor"].t)
        for f, v, m in zip(attrs["nodes_featureids"].ints, values, attrs["nodes_modes"].strings):
            if m != b"LEAF":
                found.append((f, float(v)))
    return found


def boundary_rows(rng: np.random.Generator, rows: np.ndarray, model_bytes: bytes, limit: int) -> np.ndarray:
    """Copies of rows moved onto tree thresholds and one ulp to either side, plus NaN, infinities and zeros."""
    kind = rows.dtype.type
    pairs = thresholds(model_bytes)
    rng.shuffle(pairs)
    out = []
    for feature, value in pairs[: limit // 3]:
        if feature >= rows.shape[1]:
            continue
        t = kind(value)
        for v in (t, np.nextafter(t, kind(-np.inf)), np.nextafter(t, kind(np.inf))):
            row = rows[rng.integers(len(rows))].copy()
            row[feature] = v
            out.append(row)
    for v in (np.nan, np.inf, -np.inf, 0.0, -0.0):
        for feature in range(rows.shape[1]):
            row = rows[rng.integers(len(rows))].copy()
            row[feature] = kind(v)
            out.append(row)
        out.append(np.full(rows.shape[1], v, dtype=kind))
    return np.array(out, dtype=kind)
