"""From a fitted scikit-learn pipeline to ONNX, and back to its thresholds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ._errors import ExportError
from ._parity import InputSpec, Row

OPSETS = {"": 17, "ai.onnx.ml": 3}


def to_onnx(model: Any, name: str, output: str, inputs: Mapping[str, InputSpec]) -> Any:
    """The ONNX ModelProto of a fitted regressor: one input [rows, 1] a column, one output [rows, 1].

    Nothing in it depends on the time or on chance. Raises ExportError if ONNX cannot express it.
    """
    try:
        from skl2onnx import convert_sklearn
        from skl2onnx.common import data_types as t
    except ImportError as e:
        raise ExportError("export needs scikit-learn and skl2onnx: pip install 'paraplu[export]'") from e
    kinds = {
        "float": t.FloatTensorType,
        "double": t.DoubleTensorType,
        "long": t.Int64TensorType,
        "integer": t.Int32TensorType,
        "string": t.StringTensorType,
        "boolean": t.BooleanTensorType,
    }
    columns = [(n, kinds[s["type"]]([None, 1])) for n, s in inputs.items()]
    try:
        proto = convert_sklearn(model, name=name, initial_types=columns, target_opset=OPSETS, doc_string="")
    except Exception as e:
        raise ExportError(f"{type(model).__name__} cannot be converted to ONNX: {e}") from e
    if len(proto.graph.output) != 1:
        names = ", ".join(o.name for o in proto.graph.output)
        raise ExportError(f"only models with one output can be exported, this one has {names}")
    _rename_output(proto, output)
    _canonical(proto)
    return proto


def _canonical(proto: Any) -> None:
    """One order where ONNX allows any: the converter fills these lists from sets."""
    del proto.metadata_props[:]
    opsets = sorted(proto.opset_import, key=lambda o: o.domain)
    constants = sorted(proto.graph.initializer, key=lambda t: t.name)
    copies = (
        [type(o).FromString(o.SerializeToString()) for o in opsets],
        [type(t).FromString(t.SerializeToString()) for t in constants],
    )
    del proto.opset_import[:]
    del proto.graph.initializer[:]
    proto.opset_import.extend(copies[0])
    proto.graph.initializer.extend(copies[1])


def _rename_output(proto: Any, new: str) -> None:
    old = proto.graph.output[0].name
    for node in proto.graph.node:
        for names in (node.input, node.output):
            for i, n in enumerate(names):
                if n == old:
                    names[i] = new
    proto.graph.output[0].name = new


def frame(rows: Sequence[Row], inputs: Mapping[str, InputSpec]) -> Any:
    """Rows as the pandas DataFrame that the original model expects; missing numbers are NaN."""
    import pandas as pd

    dtypes = {"string": object, "boolean": bool, "long": np.int64, "integer": np.int32}
    columns: dict[str, Any] = {}
    for name, spec in inputs.items():
        dtype = dtypes.get(spec["type"], np.float64)
        filler = np.nan if dtype is np.float64 else None
        columns[name] = np.array([filler if r[name] is None else r[name] for r in rows], dtype=dtype)
    return pd.DataFrame(columns)


def feed(rows: Sequence[Row], inputs: Mapping[str, InputSpec]) -> dict[str, Any]:
    """Rows as the named [rows, 1] arrays that ONNX Runtime expects."""
    kinds = {
        "float": np.float32,
        "double": np.float64,
        "long": np.int64,
        "integer": np.int32,
        "boolean": np.bool_,
    }
    arrays: dict[str, Any] = {}
    for name, spec in inputs.items():
        dtype: Any = kinds.get(spec["type"], object)
        values = [np.nan if r[name] is None else r[name] for r in rows]
        arrays[name] = np.array(values, dtype=dtype).reshape(-1, 1)
    return arrays


def thresholds(model: Any, inputs: Mapping[str, InputSpec], typical: Row) -> dict[str, list[float]]:
    """Every split value of the model's trees, by input, in the unit of the input.

    Only for inputs that reach the trees unchanged (passed through or imputed): beside a scaled
    threshold the two libraries may rightly round to different sides. Empty for other models.
    """
    steps = getattr(model, "steps", None)
    estimator = steps[-1][1] if steps else model
    splits = _tree_splits(estimator)
    if not splits:
        return {}
    found: dict[str, list[float]] = {}
    for name, column in _unchanged(model[:-1] if steps else None, inputs, typical).items():
        found[name] = sorted({t for f, t in splits if f == column})
    return found


def _tree_splits(estimator: Any) -> list[tuple[int, float]]:
    trees = getattr(estimator, "estimators_", [estimator] if hasattr(estimator, "tree_") else [])
    out: list[tuple[int, float]] = []
    for member in np.ravel(np.asarray(trees, dtype=object)):
        tree = getattr(member, "tree_", None)
        if tree is not None:
            out += [(int(f), float(t)) for f, t in zip(tree.feature, tree.threshold, strict=True) if f >= 0]
    return out


def _unchanged(prepare: Any, inputs: Mapping[str, InputSpec], typical: Row) -> dict[str, int]:
    """Which column of the prepared matrix carries each numeric input as it is."""
    numeric = [n for n, s in inputs.items() if s["type"] in ("float", "double", "long", "integer")]
    if prepare is None or not len(prepare.steps):
        return {n: i for i, n in enumerate(inputs) if n in numeric}
    found: dict[str, int] = {}
    for name in numeric:
        probes = [1.0, 2.0, 5.0]
        matrix = prepare.transform(frame([{**typical, name: p} for p in probes], inputs))
        matrix = np.asarray(matrix.todense() if hasattr(matrix, "todense") else matrix)
        for column in range(matrix.shape[1]):
            if np.array_equal(matrix[:, column], np.array(probes)):
                found[name] = column
    return found
