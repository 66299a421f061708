"""Writes randomized cases for TestDifferentialORT.

    python make_live.py FOLDER SEED

Three kinds: single operators with random attributes and shapes, hand-made tree ensembles with every node mode, and
scikit-learn models on random data.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cases import accept_bools, boundary_rows, write_case

warnings.filterwarnings("ignore")

TYPES = {
    "float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE, "int32": TensorProto.INT32,
    "int64": TensorProto.INT64, "bool": TensorProto.BOOL, "object": TensorProto.STRING,
}
MODES = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GT", "BRANCH_GTE", "BRANCH_EQ", "BRANCH_NEQ"]
ML = "ai.onnx.ml"


class Live:
    """Random generators and the writer for single-node models."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.rng, self.count = folder, np.random.default_rng(seed), 0

    def name(self, label: str) -> str:
        self.count += 1
        return f"{self.count:04d}_{label}"

    def pick(self, *options):
        return options[self.rng.integers(len(options))]

    def shape(self, rank=None, zero=True):
        rank = self.rng.integers(1, 4) if rank is None else rank
        low = 0 if zero and self.rng.random() < 0.05 else 1
        return tuple(int(v) for v in self.rng.integers(low, 5, rank))

    def array(self, shape, kind="float32", special=True):
        """Values with ties, signed zeros and, for floats, NaN and infinities."""
        if kind == "object":
            return self.rng.choice(["a", "b", "ß", ""], shape).astype(object)
        if kind == "bool":
            return self.rng.random(shape) < 0.5
        if kind.startswith("int"):
            return self.rng.integers(-4, 5, shape).astype(kind)
        a = np.asarray(self.rng.normal(size=shape) * self.pick(1, 1, 30), dtype=kind)
        a = np.where(self.rng.random(shape) < 0.2, np.round(a), a).astype(kind)
        if special:
            for v in (np.nan, np.inf, -np.inf, -0.0):
                a = np.where(self.rng.random(shape) < 0.04, np.asarray(v, dtype=kind), a)
        return np.asarray(a, dtype=kind)

    def op(self, op, inputs, *, outputs=1, types=None, domain="", opset=None, consts=(), exact=False, terms=1.0, **attrs):
        """One node: inputs is a list of arrays; positions in consts become initializers."""
        opset = opset or int(self.pick(11, 13, 17, 18, 21))
        names = [f"i{k}" if v is not None else "" for k, v in enumerate(inputs)]
        outs = [f"o{k}" for k in range(outputs)]
        node = helper.make_node(op, names, outs, domain=domain, **attrs)
        info = [helper.make_tensor_value_info(names[k], TYPES[v.dtype.name], [None] * v.ndim)
                for k, v in enumerate(inputs) if v is not None and k not in consts]
        inits = [numpy_helper.from_array(inputs[k], names[k]) for k in consts]
        first = next((v for v in inputs if v is not None), None)
        types = types or [TYPES[first.dtype.name]] * outputs
        graph = helper.make_graph([node], "g", info, [helper.make_tensor_value_info(o, t, None) for o, t in zip(outs, types)], inits)
        imports = [helper.make_opsetid("", opset), helper.make_opsetid(ML, 3 if opset < 18 else self.pick(3, 4))]
        model = helper.make_model(graph, opset_imports=imports, ir_version=8)
        feed = {names[k]: v for k, v in enumerate(inputs) if v is not None and k not in consts}
        write_case(self.folder, self.name(op), model.SerializeToString(), feed, exact=exact, scale=terms)


def arithmetic(g: Live) -> None:
    number = ("float32", "float32", "float64", "int64", "int32")
    for op in ("Add", "Sub", "Mul", "Div", "Min", "Max", "Sum", "Equal", "Less", "Greater", "LessOrEqual",
               "GreaterOrEqual"):
        for _ in range(2):
            kind = g.pick(*number)
            if op == "Sum" and kind.startswith("int"):
                kind = "float32"
            a = g.shape(3)
            b = g.pick(a, a[1:], (1,) + a[1:], a[:-1] + (1,), (), (1,))
            y = g.array(b, kind)
            if op == "Div" and kind.startswith("int"):
                y = np.where(y == 0, np.asarray(3, dtype=kind), y)
            logic = op in ("Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual")
            g.op(op, [g.array(a, kind), y], exact=True, types=[TensorProto.BOOL] if logic else None,
                 opset=g.pick(13, 17, 21))
    for op in ("And", "Or"):
        g.op(op, [g.array((3, 2), "bool"), g.array((2,), "bool")], exact=True)
    g.op("Not", [g.array((3, 2), "bool")], exact=True)
    g.op("Equal", [g.array((3, 2), "object"), g.array((2,), "object")], types=[TensorProto.BOOL], opset=19)
    g.op("IsNaN", [g.array((3, 4), g.pick("float32", "float64"))], types=[TensorProto.BOOL], exact=True)
    for op in ("Neg", "Abs", "Sign", "Floor", "Ceil", "Sqrt", "Exp", "Log", "Reciprocal", "Sigmoid", "Tanh", "Relu"):
        g.op(op, [g.array(g.shape(), g.pick("float32", "float64"))])
    for op in ("Neg", "Abs", "Sign"):
        g.op(op, [g.array(g.shape(), g.pick("int32", "int64"))])
    for kind in ("float32", "float64", "int64"):
        exps = np.array(g.pick(2, 3, 0.5, 1, 0, -1) if kind != "int64" else 2, dtype=kind)
        g.op("Pow", [g.array(g.shape(), kind), exps])
    lo, hi = np.array(-1, dtype=np.float32), np.array(2, dtype=np.float32)
    g.op("Clip", [g.array((4, 3)), lo, hi], exact=True)
    g.op("Clip", [g.array((4, 3)), None, hi], exact=True)
    g.op("Clip", [g.array((4, 3))], opset=9, min=-1.0, max=2.0, exact=True)
    g.op("Where", [g.array((3, 2), "bool"), g.array((3, 1), "object"), g.array((2,), "object")],
         types=[TensorProto.STRING])
    for a, b in (((3, 4), (4, 2)), ((4,), (4, 2)), ((2, 3, 4), (4, 2)), ((3, 4), (4,)), ((2, 1, 3, 4), (5, 4, 2))):
        kind = g.pick("float32", "float64")
        g.op("MatMul", [g.array(a, kind, False), g.array(b, kind, False)], terms=30)
    for ta in (0, 1):
        for tb in (0, 1):
            x = g.array((4, 3) if ta else (3, 4), special=False)
            y = g.array((2, 4) if tb else (4, 2), special=False)
            c = g.array(g.pick((2,), (3, 1), (3, 2), (1,), ()), special=False)
            g.op("Gemm", [x, y, c], transA=ta, transB=tb, alpha=1.5, beta=0.5, terms=100)


def shapes(g: Live) -> None:
    kinds = ("float32", "int64", "object", "bool", "float64", "int32")
    for _ in range(2):
        kind = g.pick(*kinds)
        x = g.array((2, 3, 4), kind)
        i64 = lambda *v: np.array(v, dtype=np.int64)  # noqa: E731
        plain = g.pick("float32", "int64")
        y = g.array((2, 3, 4), plain)
        g.op("Identity", [x], exact=True)
        g.op("Shape", [x], types=[TensorProto.INT64])
        g.op("Shape", [x], types=[TensorProto.INT64], opset=15, start=-2, end=3)
        g.op("Reshape", [x, i64(*g.pick((0, -1), (6, 4), (-1,), (2, 0, 2, -1)))], exact=True)
        g.op("Flatten", [y], axis=int(g.rng.integers(-3, 4)), exact=True)
        g.op("Transpose", [x], perm=[int(v) for v in g.rng.permutation(3)], exact=True)
        g.op("Transpose", [x], exact=True)
        g.op("Squeeze", [g.array((1, 3, 1), kind), i64(g.pick(0, 2, -1))], opset=13, exact=True)
        g.op("Squeeze", [g.array((1, 3, 1), kind)], opset=11, axes=[0, 2], exact=True)
        g.op("Unsqueeze", [x, i64(0, -1)], opset=13, exact=True)
        g.op("Unsqueeze", [x], opset=11, axes=[1, 3], exact=True)
        g.op("Concat", [x, g.array((2, 1, 4), kind)], axis=g.pick(1, -2), exact=True)
        g.op("Slice", [y, i64(g.pick(0, 1, -1, -9)), i64(g.pick(9, 2, -1, 0)), i64(2), i64(g.pick(1, 2, -1, -2))], exact=True)
        g.op("Slice", [y, i64(1, 3), i64(-1, -9), i64(1, -1), i64(1, -2)], exact=True)
        g.op("Slice", [y], opset=9, starts=[0, 1], ends=[1, 99], axes=[0, 2], exact=True)
        g.op("Split", [y, i64(1, 0, 3)], opset=13, axis=2, outputs=3, exact=True)
        g.op("Split", [y], opset=g.pick(11, 13), axis=-1, outputs=2, exact=True)
        g.op("Split", [y], opset=18, axis=2, outputs=3, num_outputs=3, exact=True)
        # ONNX Runtime 1.32 loses strings unless the axis is the last one, so rows of strings are not compared.
        g.op("Gather", [y, g.rng.integers(-3, 3, (2, 2))], axis=g.pick(1, -2), exact=True)
        g.op("Gather", [y, np.array(g.pick(0, 7))], axis=1, exact=True)
        g.op("Gather", [x, g.rng.integers(-4, 4, (3,))], axis=2, exact=True)
        g.op("Tile", [y, i64(2, 1, 3)], exact=True)
        g.op("Expand", [g.array((3, 1), plain), i64(2, 1, 4)], exact=True)
        g.op("ConstantOfShape", [i64(2, 3)], types=[TensorProto.FLOAT])
    for _ in range(12):
        source, target = g.pick(*kinds), g.pick(*kinds)
        x = g.array((3, 4), source, special=target in ("float64", "float32", "object", "bool"))
        if source == "object":
            x = g.rng.choice(["1", "-2.5", "3e4", "0"] if target.startswith("f") else ["1", "-2", "30"], (2, 3)).astype(object)
        if source == "object" and target == "bool":
            continue
        g.op("Cast", [x], types=[TYPES[target]], to=TYPES[target], exact=True)


def reductions(g: Live) -> None:
    for op in ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceSumSquare", "ReduceL1",
               "ReduceL2", "ReduceLogSumExp", "ReduceLogSum"):
        kind = g.pick("float32", "float32", "float64", "int64" if op in ("ReduceSum", "ReduceMax") else "float32")
        x = g.array((2, 3, 4), kind, special=False)
        if op == "ReduceLogSum":
            x = np.abs(x)
        axes = g.pick([0], [1], [-1], [0, 2], [1, 2])
        g.op(op, [x], opset=11, axes=axes, keepdims=int(g.pick(0, 1)), terms=1000)
        g.op(op, [x, np.array(axes, dtype=np.int64)], opset=18, keepdims=int(g.pick(0, 1)), terms=1000)
        g.op(op, [x], opset=18, noop_with_empty_axes=int(g.pick(0, 1)), terms=1000)
    for op in ("ArgMax", "ArgMin"):
        for _ in range(3):
            x = np.round(g.array((4, 5), g.pick("float32", "int64", "float64"), special=False))
            g.op(op, [x], types=[TensorProto.INT64], axis=g.pick(0, 1, -1), keepdims=int(g.pick(0, 1)),
                 opset=13, select_last_index=int(g.pick(0, 1)))
        g.op(op, [g.array((6, 5), special=True)], types=[TensorProto.INT64], axis=1)
    for _ in range(4):
        x = np.round(g.array((4, 5), g.pick("float32", "int64", "float64"), special=False))
        g.op("TopK", [x, np.array([3], dtype=np.int64)], outputs=2, types=[TYPES[x.dtype.name], TensorProto.INT64],
             axis=1, largest=int(g.pick(0, 1)))
    g.op("Softmax", [g.array((3, 4), special=False)], opset=13, axis=g.pick(0, 1))
    for p in (1, 2):
        x = g.array((3, 4), g.pick("float32", "float64"), special=False)
        x[1] = 0
        g.op("LpNormalization", [x], axis=g.pick(1, -1), p=p)
    g.op("Softmax", [g.array((2, 3, 4), special=False)], opset=11, axis=1)


def preparation(g: Live) -> None:
    f32, i64, text = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING
    for kind in ("float32", "float64", "int64", "int32"):
        x = g.array((5, 3), kind)
        g.op("Scaler", [x], domain=ML, types=[f32], exact=True, offset=[0.1, -2.0, 3.0], scale=[0.3, 1.7, -2.0])
        g.op("Scaler", [x], domain=ML, types=[f32], exact=True, offset=[0.7], scale=[3.1])
        for norm in ("MAX", "L1", "L2"):
            g.op("Normalizer", [g.array((5, 3), kind, special=False)], domain=ML, types=[f32], norm=norm)
    g.op("Imputer", [g.array((5, 3))], domain=ML, types=[f32], exact=True, imputed_value_floats=[1.0, 2.0, 3.0],
         replaced_value_float=float("nan"))
    g.op("Imputer", [g.array((5, 3))], domain=ML, types=[f32], exact=True, imputed_value_floats=[9.0],
         replaced_value_float=1.0)
    g.op("Imputer", [g.array((5, 3), "int64")], domain=ML, types=[i64], imputed_value_int64s=[9], replaced_value_int64=1)
    for special in (False, True):
        g.op("Binarizer", [g.array((5, 3), special=special)], domain=ML, types=[f32], exact=True, threshold=0.25)
    for zeros in (0, 1):
        for kind in ("float32", "float64", "int64"):
            g.op("OneHotEncoder", [g.array((6, 2), kind)], domain=ML, types=[f32], exact=True, zeros=zeros,
                 cats_int64s=[0, 1, 3, -2] if zeros else list(range(-4, 5)))
        g.op("OneHotEncoder", [g.array((6,), "object")], domain=ML, types=[f32], exact=True, zeros=zeros,
             cats_strings=["b", "a"] if zeros else ["", "a", "b", "ß"])
    g.op("LabelEncoder", [g.array((6, 2), "object")], domain=ML, types=[i64], keys_strings=["a", "", "a"],
         values_int64s=[5, 6, 7], default_int64=-3)
    g.op("LabelEncoder", [g.array((6, 2), "object")], domain=ML, types=[f32], keys_strings=["a", "ß"],
         values_floats=[0.5, 6.25], exact=True)
    g.op("LabelEncoder", [g.array((6, 2), "int64")], domain=ML, types=[text], keys_int64s=[1, 2, -1],
         values_strings=["x", "y", "z"])
    g.op("LabelEncoder", [np.round(g.array((8, 3)))], domain=ML, types=[f32], exact=True,
         keys_floats=[1.0, float("nan"), 0.0], values_floats=[7.0, 8.0, 9.0], default_float=-5.0)
    g.op("LabelEncoder", [g.array((6, 2), "int64")], domain=ML, types=[i64], keys_int64s=[1, 2], values_int64s=[9, 8])
    g.op("ArrayFeatureExtractor", [g.array((4, 5), g.pick("float32", "int64", "object")),
                                   np.array([3, 0, 3], dtype=np.int64)], domain=ML, exact=True)
    g.op("ArrayFeatureExtractor", [g.array((5,)), np.array([[4]], dtype=np.int64)], domain=ML, exact=True)
    g.op("FeatureVectorizer", [g.array((4, 2)), g.array((4, 3))], domain=ML, types=[f32], exact=True,
         inputdimensions=[2, 3])


def linear(g: Live) -> None:
    f32, i64, text = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING
    for post in ("NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"):
        x = g.array((6, 3), special=False)
        coef = [float(v) for v in g.rng.normal(size=9)]
        g.op("LinearRegressor", [x], domain=ML, types=[f32], coefficients=coef, intercepts=[0.1, 0.2, 0.3], targets=3,
             post_transform=post, terms=30)
        kind = g.pick("float32", "float64", "int64", "int32")
        g.op("LinearClassifier", [g.array((6, 3), kind, special=False)], domain=ML, outputs=2, types=[text, f32],
             coefficients=coef, intercepts=[0.1, 0.2, 0.3], classlabels_strings=["a", "b", "c"], post_transform=post,
             terms=30)
        g.op("LinearClassifier", [x], domain=ML, outputs=2, types=[i64, f32], coefficients=coef[:3] + [-v for v in coef[:3]],
             intercepts=[0.1, -0.1], classlabels_ints=[4, 7], post_transform=post, terms=30)
    for post in ("NONE", "LOGISTIC"):
        g.op("LinearClassifier", [x], domain=ML, outputs=2, types=[i64, f32], coefficients=coef[:3], intercepts=[0.1],
             classlabels_ints=[4, 7], post_transform=post, terms=30)


def grow(g: Live, trees: int, features: int, outputs: int, modes, *, dense: bool, negative: bool) -> dict:
    """Random trees as attribute arrays; node ids are shuffled so that nothing depends on their order."""
    n = {k: [] for k in ("treeids", "nodeids", "featureids", "modes", "values", "truenodeids", "falsenodeids",
                         "missing_value_tracks_true")}
    w = {k: [] for k in ("treeids", "nodeids", "ids", "weights")}
    for tree in range(trees):
        shape, queue = [], [(0, 0)]
        size = 1
        while queue:
            node, depth = queue.pop(0)
            if depth < 4 and (depth == 0 or g.rng.random() < 0.7):
                shape.append((node, size, size + 1))
                queue += [(size, depth + 1), (size + 1, depth + 1)]
                size += 2
            else:
                shape.append((node, None, None))
        ids = [int(v) for v in g.rng.permutation(size)]
        for node, yes, no in shape:
            leaf = yes is None
            mode = "LEAF" if leaf else g.pick(*modes)
            n["treeids"].append(tree * 3)
            n["nodeids"].append(ids[node])
            n["featureids"].append(0 if leaf else int(g.rng.integers(features)))
            n["modes"].append(mode)
            value = np.float32(np.round(g.rng.normal() * 2)) if mode in ("BRANCH_EQ", "BRANCH_NEQ") else np.float32(g.rng.normal())
            n["values"].append(0.0 if leaf else float(g.pick(value, value, value, value, value, np.float32(0))))
            n["truenodeids"].append(0 if leaf else ids[yes])
            n["falsenodeids"].append(0 if leaf else ids[no])
            n["missing_value_tracks_true"].append(0 if leaf else int(g.rng.integers(2)))
            if leaf:
                chosen = range(outputs) if dense else [int(g.rng.integers(outputs))]
                for o in chosen:
                    v = g.rng.normal() if negative else g.rng.random() / trees
                    w["treeids"].append(tree * 3)
                    w["nodeids"].append(ids[node])
                    w["ids"].append(o)
                    w["weights"].append(float(np.float32(v)))
    return {"nodes": n, "weights": w}


def ensembles(g: Live) -> None:
    f32, i64, text = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING
    for k in range(70):
        features = int(g.rng.integers(1, 6))
        modes = g.pick(["BRANCH_LEQ"], ["BRANCH_LT"], ["BRANCH_GT"], ["BRANCH_GTE"], ["BRANCH_EQ", "BRANCH_LEQ"], MODES)
        negative, outputs = bool(g.pick(0, 1)), int(g.pick(1, 1, 2, 3, 4))
        classify = k % 2 == 0
        if classify and outputs == 2:
            outputs = 3
        t = grow(g, int(g.pick(1, 3, 8, 21)), features, outputs, modes, dense=bool(g.pick(0, 1)), negative=negative)
        attrs = {f"nodes_{a}": v for a, v in t["nodes"].items()}
        if g.rng.random() < 0.4:
            del attrs["nodes_missing_value_tracks_true"]
        kind = g.pick("float32", "float32", "float64")
        base = [float(np.float32(v)) for v in g.rng.normal(size=outputs)] if g.rng.random() < 0.5 else None
        prefix = "class" if classify else "target"
        attrs |= {f"{prefix}_{a}": v for a, v in t["weights"].items()}
        if base:
            attrs["base_values"] = base
        if kind == "float64" and g.rng.random() < 0.7:
            for name in ("nodes_values", f"{prefix}_weights", "base_values"):
                if name in attrs:
                    values = np.array(attrs.pop(name), dtype=np.float64)
                    if name != "nodes_values":
                        values += 1e-9
                    attrs[name + "_as_tensor"] = numpy_helper.from_array(values, name)
        post = g.pick("NONE", "NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO")
        rows = int(g.pick(1, 2, 3, 7, 90))
        x = np.round(g.array((rows, features), kind) * g.pick(1, 4)) / g.pick(1, 4)
        values = attrs.get("nodes_values") or [0.0]
        for r in range(rows):  # onto a threshold, or one ulp beside it
            v = np.array(values[g.rng.integers(len(values))], dtype=kind)
            if g.rng.random() < 0.6:
                x[r, g.rng.integers(features)] = g.pick(v, np.nextafter(v, np.array(9e9, kind)), np.nextafter(v, np.array(-9e9, kind)))
        if classify:
            if g.rng.random() < 0.3:
                x = np.nan_to_num(x, nan=0, posinf=3, neginf=-3).astype(g.pick("int64", "int32"))
                for name in ("nodes_values", f"{prefix}_weights", "base_values"):
                    if name + "_as_tensor" in attrs:
                        attrs[name] = [float(v) for v in numpy_helper.to_array(attrs.pop(name + "_as_tensor"))]
            if outputs == 1:
                attrs["classlabels_int64s"] = [3, 5]
                post = g.pick("NONE", "LOGISTIC")
            else:
                attrs["classlabels_strings"] = ["a", "b", "c", "d"][:outputs]
            label = i64 if outputs == 1 else text
            g.op("TreeEnsembleClassifier", [x], domain=ML, outputs=2, types=[label, f32], opset=18,
                 exact=post == "NONE", post_transform=post, **attrs)
        else:
            g.op("TreeEnsembleRegressor", [x], domain=ML, types=[f32], opset=18, exact=post == "NONE" or outputs == 1,
                 n_targets=outputs, aggregate_function=g.pick("SUM", "SUM", "AVERAGE", "MIN", "MAX"),
                 post_transform=post, **attrs)


def sklearn_models(g: Live) -> None:
    accept_bools()
    for k in range(5):
        seed = int(g.rng.integers(1 << 30))
        x = g.rng.normal(size=(200, 5)).astype(np.float32)
        x[:, 2] = np.round(x[:, 2] * 3)
        y = x[:, 0] * 2 + x[:, 2] + g.rng.normal(size=200)
        labels = np.digitize(y, np.quantile(y, [0.5] if k % 2 else [0.3, 0.7]))
        hist = x.copy()
        hist[g.rng.random(hist.shape) < 0.1] = np.nan
        for label, model, data, target, exact in (
            ("forest", RandomForestRegressor(int(g.pick(1, 7, 40)), max_depth=6, random_state=seed), x, y, True),
            ("classes", RandomForestClassifier(int(g.pick(1, 7, 40)), max_depth=6, random_state=seed), x, labels, True),
            ("boost", GradientBoostingClassifier(n_estimators=8, random_state=seed), x, labels, False),
            ("hist", HistGradientBoostingRegressor(max_iter=10, random_state=seed), hist, y, True),
            ("histclass", HistGradientBoostingClassifier(max_iter=5, random_state=seed), hist, labels, False),
            ("ridge", make_pipeline(StandardScaler(), Ridge()), x, y, False),
            ("logistic", make_pipeline(StandardScaler(), LogisticRegression()), x, labels, False),
        ):
            model.fit(data, target)
            proto = to_onnx(model, initial_types=[("X", FloatTensorType([None, 5]))],
                            target_opset={"": int(g.pick(12, 15, 17, 18, 21)), ML: 3})
            raw = proto.SerializeToString()
            rows = np.vstack([data[: int(g.pick(1, 5, 100))], boundary_rows(g.rng, data[:20], raw, 60)])
            if label in ("ridge", "logistic"):
                rows = rows[np.isfinite(rows).all(axis=1)]
            write_case(g.folder, g.name(f"sk_{label}"), raw, {"X": rows}, exact=exact)


def main() -> None:
    g = Live(Path(sys.argv[1]), int(sys.argv[2]))
    for group in (arithmetic, shapes, reductions, preparation, linear, ensembles, sklearn_models):
        group(g)
    print(f"{g.count} cases")


if __name__ == "__main__":
    main()
