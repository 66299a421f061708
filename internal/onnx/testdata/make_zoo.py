"""Trains small scikit-learn models, converts them with skl2onnx and writes the golden fixtures beside this file.

    python make_zoo.py [folder]

Needs scikit-learn, skl2onnx, onnx and onnxruntime; ``manifest.json`` records the versions used.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import skl2onnx
import sklearn
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, QuantileRegressor, Ridge
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from cases import accept_bools, boundary_rows, write_case

warnings.filterwarnings("ignore")


class Zoo:
    """Random data of one seed and the writers for numeric and mixed models."""

    def __init__(self, folder: Path, seed: int, rows: int = 24, train: int = 300) -> None:
        self.folder, self.rows = folder, rows
        self.rng = np.random.default_rng(seed)
        self.x = self.rng.normal(size=(train, 4)).astype(np.float32)
        self.x[:, 1] = self.x[:, 1] * 20 + 50
        self.x[:, 3] = self.rng.integers(0, 5, train)
        noise = self.rng.normal(scale=0.3, size=train)
        score = self.x[:, 0] + 0.05 * self.x[:, 1] * (self.x[:, 3] > 2) + noise
        self.y = score.astype(np.float64)
        self.binary = (score > np.median(score)).astype(np.int64)
        self.multi = np.digitize(score, np.quantile(score, [0.3, 0.7])).astype(np.int64)
        self.names = np.array(["low", "mid", "höch"])[self.multi]
        self.written: list[str] = []

    def numeric(self, name, model, y, *, opset=None, double=False, exact=False, options=None, tol=1e-5, missing=False,
                rows=None, scale=1.0, unsupported=False):
        """Fit on the numeric matrix, convert and write with ordinary and boundary rows."""
        x = self.x.copy()
        if missing:
            x[self.rng.random(x.shape) < 0.15] = np.nan
        model.fit(x, y)
        kind = DoubleTensorType if double else FloatTensorType
        x = x.astype(np.float64) if double else x
        proto = to_onnx(model, initial_types=[("X", kind([None, 4]))], target_opset=opset, options=options)
        plain = x[: rows or self.rows]
        raw = proto.SerializeToString()
        extra = boundary_rows(self.rng, plain, raw, 24)
        if not exact:
            extra = extra[np.isfinite(extra).all(axis=1) | np.isnan(extra).any(axis=1)]
        if not missing and not exact:
            extra = extra[np.isfinite(extra).all(axis=1)]
        self.write(name, model, proto, {"X": np.vstack([plain, extra])}, {"X": plain}, exact, tol, scale, unsupported)

    def write(self, name, model, proto, inputs, plain, exact, tol, scale=1.0, unsupported=False):
        library = {}
        names = [o.name for o in proto.graph.output]
        features = next(iter(plain.values()))
        if unsupported:
            pass
        elif hasattr(model, "predict_proba"):
            library = {names[0]: model.predict(features), names[1]: model.predict_proba(features).astype(np.float64)}
        elif hasattr(model, "predict"):
            library = {names[0]: np.asarray(model.predict(features))}
        elif hasattr(model, "transform"):
            out = model.transform(features)
            library = {names[0]: np.asarray(out.todense() if hasattr(out, "todense") else out)}
        if write_case(self.folder, name, proto.SerializeToString(), inputs, exact=exact, library=library,
                      library_tolerance=tol, scale=scale, unsupported=unsupported):
            self.written.append(name)

    def mixed(self, name, final, y, *, zipmap=True, opset=None):
        """A ColumnTransformer over numbers, strings and integers in front of a model."""
        n = len(self.x)
        city = self.rng.choice(["Bonn", "Köln", "", "Ulm"], n)
        code = self.rng.integers(0, 4, n).astype(np.int64)
        num = self.x[:, :2].copy()
        num[self.rng.random(num.shape) < 0.1] = np.nan
        import pandas as pd

        frame = pd.DataFrame({"a": num[:, 0], "b": num[:, 1], "city": city, "code": code})
        model = Pipeline([
            ("prep", ColumnTransformer([
                ("num", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), ["a", "b"]),
                ("city", OneHotEncoder(handle_unknown="ignore"), ["city"]),
                ("code", OneHotEncoder(handle_unknown="ignore"), ["code"]),
            ])),
            ("model", final),
        ]).fit(frame, y)
        types = [("a", FloatTensorType([None, 1])), ("b", FloatTensorType([None, 1])),
                 ("city", StringTensorType([None, 1])), ("code", Int64TensorType([None, 1]))]
        options = None if zipmap else {id(final): {"zipmap": False}}
        proto = to_onnx(model, initial_types=types, options=options, target_opset=opset)
        head = frame[: self.rows]
        inputs = {c: head[[c]].to_numpy() for c in frame}
        inputs["city"] = inputs["city"].astype(object)
        inputs["city"][0, 0] = "Atlantis"
        inputs["code"] = inputs["code"].copy()
        inputs["code"][1, 0] = 99
        head = head.copy()
        head["city"], head["code"] = inputs["city"][:, 0], inputs["code"][:, 0]
        self.write(name, model, proto, inputs, {"frame": head}, False, 1e-4)

    def strings(self, name, model):
        """An encoder over two string columns."""
        x = np.stack([self.rng.choice(["a", "b", "ß", ""], 60), self.rng.choice(["x", "y"], 60)], 1).astype(object)
        model.fit(x)
        proto = to_onnx(model, initial_types=[("X", StringTensorType([None, 2]))])
        self.write(name, model, proto, {"X": x[:20]}, {"X": x[:20]}, True, 0)


def linear(z: Zoo) -> None:
    z.numeric("linear", LinearRegression(), z.y, tol=1e-4, scale=10)
    z.numeric("linear_double", LinearRegression(), z.y, double=True, scale=10)
    z.numeric("ridge_two", Ridge(), np.stack([z.y, -z.y], 1), tol=1e-4, scale=10)
    z.numeric("quantile", make_pipeline(StandardScaler(), QuantileRegressor(quantile=0.8, alpha=0.01)), z.y, tol=1e-4)
    z.numeric("logistic_binary", LogisticRegression(max_iter=500), z.binary, tol=1e-4)
    z.numeric("logistic_multi", LogisticRegression(max_iter=500), z.names, tol=1e-4)
    z.numeric("logistic_ovr", OneVsRestClassifier(LogisticRegression(max_iter=500)), z.multi, tol=1e-4)
    z.numeric("logistic_ovr15", OneVsRestClassifier(LogisticRegression(max_iter=500)), z.multi, tol=1e-4, opset=15)
    z.numeric("logistic_nozip", make_pipeline(RobustScaler(), LogisticRegression()), z.multi, tol=1e-4,
              options={"zipmap": False}, opset=12)


def preparation(z: Zoo) -> None:
    for scaler in (StandardScaler(), MinMaxScaler(), MinMaxScaler(clip=True), RobustScaler(), MaxAbsScaler()):
        z.numeric(f"scale_{type(scaler).__name__.lower()}{'_clip' if getattr(scaler, 'clip', False) else ''}",
                  scaler, None, scale=10)
    z.numeric("impute_mean", SimpleImputer(), None, missing=True)
    z.numeric("impute_ridge", make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), Ridge()), z.y,
              missing=True, tol=1e-4)
    z.numeric("normalizer_l2", Normalizer(), None)
    z.numeric("normalizer_l1", Normalizer("l1"), None)
    z.numeric("binarizer", Binarizer(threshold=0.3), None)
    z.numeric("polynomial", make_pipeline(StandardScaler(), PolynomialFeatures(2), Ridge()), z.y, tol=1e-4, scale=10)
    z.numeric("bins", make_pipeline(KBinsDiscretizer(4, encode="onehot-dense"), Ridge()), z.y, tol=1e-4)
    z.strings("onehot_strings", OneHotEncoder(handle_unknown="ignore"))
    z.strings("ordinal_strings", OrdinalEncoder())
    z.mixed("mixed_ridge", Ridge(), z.y)
    z.mixed("mixed_logistic", LogisticRegression(max_iter=500), z.names)
    z.mixed("mixed_forest", RandomForestClassifier(12, max_depth=4, random_state=1), z.binary, zipmap=False, opset=15)


def trees(z: Zoo) -> None:
    z.numeric("tree_regressor", DecisionTreeRegressor(max_depth=6, random_state=0), z.y, exact=True)
    z.numeric("tree_binary", DecisionTreeClassifier(max_depth=5, random_state=0), z.binary, exact=True)
    z.numeric("tree_multi", DecisionTreeClassifier(max_depth=5, random_state=0), z.names, exact=True)
    z.numeric("forest_regressor", RandomForestRegressor(25, max_depth=5, random_state=0), z.y, exact=True, tol=1e-4)
    z.numeric("forest_two", RandomForestRegressor(9, max_depth=4, random_state=0), np.stack([z.y, -z.y], 1),
              exact=True, tol=1e-4)
    z.numeric("forest_binary", RandomForestClassifier(25, max_depth=5, random_state=0), z.binary, exact=True, tol=1e-4)
    z.numeric("forest_multi", RandomForestClassifier(25, max_depth=5, random_state=0), z.multi, exact=True, tol=1e-4,
              options={"zipmap": False})
    z.numeric("extra_regressor", ExtraTreesRegressor(10, max_depth=6, random_state=0), z.y, exact=True, tol=1e-4)
    z.numeric("extra_multi", ExtraTreesClassifier(10, max_depth=6, random_state=0), z.names, exact=True, tol=1e-4)
    z.numeric("boost_regressor", GradientBoostingRegressor(n_estimators=30, random_state=0), z.y, exact=True, tol=1e-4)
    z.numeric("boost_binary", GradientBoostingClassifier(n_estimators=20, random_state=0), z.binary, tol=1e-4)
    z.numeric("boost_multi", GradientBoostingClassifier(n_estimators=10, random_state=0), z.names, tol=1e-4)
    z.numeric("hist_regressor", HistGradientBoostingRegressor(max_iter=20, random_state=0), z.y, exact=True,
              missing=True, tol=1e-4)
    z.numeric("hist_binary", HistGradientBoostingClassifier(max_iter=10, random_state=0), z.binary, missing=True,
              tol=1e-4)
    z.numeric("hist_multi", HistGradientBoostingClassifier(max_iter=6, max_depth=4, random_state=0), z.names,
              missing=True, tol=1e-4)
    z.numeric("impute_forest", make_pipeline(SimpleImputer(), RandomForestRegressor(10, max_depth=4, random_state=0)),
              z.y, exact=True, missing=True, tol=1e-4)


def others(z: Zoo) -> None:
    z.numeric("mlp_regressor", make_pipeline(StandardScaler(), MLPRegressor(hidden_layer_sizes=(8,), max_iter=200, random_state=0)), z.y,
              tol=1e-4)
    z.numeric("mlp_classifier", make_pipeline(StandardScaler(), MLPClassifier(hidden_layer_sizes=(8,), max_iter=200, random_state=0)),
              z.multi, tol=1e-4)
    z.numeric("naive_bayes", GaussianNB(), z.names, tol=1e-3, scale=100)
    z.numeric("kmeans", make_pipeline(StandardScaler(), KMeans(3, n_init=2, random_state=0)), None, scale=10)
    z.numeric("pca_ridge", make_pipeline(StandardScaler(), PCA(2), Ridge()), z.y, tol=1e-4)
    z.numeric("voting", VotingRegressor([("a", Ridge()), ("b", DecisionTreeRegressor(max_depth=3))]), z.y, tol=1e-4,
              scale=10)
    z.numeric("isotonic", CalibratedClassifierCV(LogisticRegression(), method="isotonic", cv=2), z.names, tol=0.1,
              scale=10)  # the converter takes the nearest point where the library interpolates
    z.numeric("quantile_transform", make_pipeline(QuantileTransformer(n_quantiles=20), Ridge()), z.y, tol=1e-3, scale=10)
    z.numeric("power_transform", make_pipeline(PowerTransformer(), Ridge()), z.y, tol=1e-3, scale=10)
    z.numeric("stacking", StackingClassifier([("a", LogisticRegression()), ("b", DecisionTreeClassifier(max_depth=3))]),
              z.names, tol=1e-3, scale=10)
    z.numeric("calibrated", CalibratedClassifierCV(LogisticRegression(max_iter=500), cv=2), z.binary, tol=1e-4,
              scale=10)
    z.numeric("isolation", IsolationForest(n_estimators=10, max_samples=32, random_state=0), None, tol=1e-4,
              opset={"": 18, "ai.onnx.ml": 3})
    z.numeric("neighbours", KNeighborsRegressor(3), z.y, unsupported=True)
    z.numeric("svc", SVC(), z.binary, unsupported=True)


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "zoo"
    folder.mkdir(parents=True, exist_ok=True)
    accept_bools()
    for old in [*folder.glob("*.onnx"), *folder.glob("*.json")]:
        old.unlink()
    z = Zoo(folder, seed=20261123)
    for group in (linear, preparation, trees, others):
        group(z)
    versions = {m.__name__: m.__version__ for m in (np, sklearn, skl2onnx, onnx, onnxruntime)}
    manifest = {"seed": 20261123, "versions": versions, "cases": z.written}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    print(f"{len(z.written)} cases in {folder}")


if __name__ == "__main__":
    main()
