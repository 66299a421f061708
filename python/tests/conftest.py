"""Small fitted models with known inputs, shared by the tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import paraplu
import pytest

INPUTS: dict[str, paraplu.InputSpec] = {
    "rain": {"type": "float", "unit": "mm", "min": 0, "max": 300, "nullable": True},
    "weekday": {"type": "string", "categories": ["Mon", "Tue", "Wed"]},
    "month": {"type": "long", "min": 1, "max": 12},
}


def table(rows: int = 200) -> Any:
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "rain": rng.exponential(4.0, rows).round(1),
            "weekday": np.array(rng.choice(["Mon", "Tue", "Wed"], rows), dtype=object),
            "month": rng.integers(1, 13, rows),
        }
    )


def fitted(kind: str) -> Any:
    """A fitted pipeline: trees (imputed, unscaled), linear (imputed, scaled) or forest."""
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import QuantileRegressor
    from sklearn.pipeline import Pipeline, make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    X = table()
    y = 20 + 5 * X["rain"] + 3 * (X["weekday"] == "Wed") + np.random.default_rng(2).normal(0, 1, len(X))
    numbers: Any = SimpleImputer()
    regressor: Any = GradientBoostingRegressor(loss="quantile", alpha=0.8, n_estimators=20, random_state=0)
    if kind == "linear":
        numbers = make_pipeline(SimpleImputer(), StandardScaler())
        regressor = QuantileRegressor(quantile=0.8, alpha=0.001)
    if kind == "forest":
        regressor = RandomForestRegressor(n_estimators=5, random_state=0)
    prepare = ColumnTransformer(
        [
            ("weekday", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["weekday"]),
            ("rain", numbers, ["rain"]),
            ("month", "passthrough", ["month"]),
        ]
    )
    return Pipeline([("prepare", prepare), ("regressor", regressor)]).fit(X, y)
