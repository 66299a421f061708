"""The order model: a regression of the 0.82 quantile, from decision-time features.

Ordering the quantile too_few / (too_few + too_many) of tomorrow's sales costs least on average
(the newsvendor rule), so the model is fitted to that quantile and not to the mean: it orders
more than it expects to sell, and its absolute error is larger than that of a mean forecast.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import QuantileRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import product

MM_PER_INCH = 25.4


def frame(rows: Sequence[Mapping[str, str]], rain: str = "rain_forecast_mm") -> pd.DataFrame:
    """The model inputs of feature rows; a missing forecast is NaN."""
    return pd.DataFrame(
        {
            rain: [float(r[rain]) if r[rain] != "" else np.nan for r in rows],
            "weekday": np.array([r["weekday"] for r in rows], dtype=object),
            "month": np.array([int(r["month"]) for r in rows], dtype=np.int64),
        }
    )


def column(rows: Sequence[Mapping[str, str]], name: str) -> np.ndarray:
    """A numeric column of feature rows."""
    return np.array([float(r[name]) for r in rows])


def pipeline(params: Mapping[str, Any], rain: str = "rain_forecast_mm") -> Pipeline:
    """The unfitted pipeline: one-hot weekday, imputed (linear: also scaled) rain, a quantile regressor."""
    swapped = params["bug"] == "swapped-costs"  # takes the cost of too few for the cost of too many
    quantile = 1 - product.QUANTILE if swapped else product.QUANTILE
    if params["kind"] == "trees":
        numbers: Any = SimpleImputer(strategy="median")
        regressor: Any = GradientBoostingRegressor(
            loss="quantile",
            alpha=quantile,
            n_estimators=int(params["trees"]),
            max_depth=int(params["depth"]),
            learning_rate=float(params["learning_rate"]),
            min_samples_leaf=int(params["min_leaf"]),
            random_state=0,
        )
    elif params["kind"] == "linear":
        numbers = Pipeline([("impute", SimpleImputer(strategy="median")), ("scale", StandardScaler())])
        regressor = QuantileRegressor(quantile=quantile, alpha=0.001, solver="highs")
    else:
        raise ValueError(f"train.kind is {params['kind']!r}: choose trees or linear (params.yaml)")
    prepare = ColumnTransformer(
        [
            ("weekday", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["weekday"]),
            ("rain", numbers, [rain]),
            ("month", "passthrough", ["month"]),
        ]
    )
    return Pipeline([("prepare", prepare), ("order", regressor)])


def fit(
    rows: Sequence[Mapping[str, str]], params: Mapping[str, Any], rain: str = "rain_forecast_mm"
) -> tuple[Pipeline, float]:
    """The fitted pipeline and the level it was scaled by (1.0 if level_days is 0).

    With level_days = n the shape (how rain, weekday and month act) is learned from all rows but
    the last n days, and the level from the last n days alone: the ratio of sold to ordered there,
    over the same ratio before. So a model knows a new level of demand after two weeks, without
    forgetting what rain does.
    """
    level_days = int(params["level_days"])
    if level_days >= len(rows):
        raise ValueError(f"train.level_days is {level_days}, but there are only {len(rows)} training days")
    shape, recent = (rows[:-level_days], rows[-level_days:]) if level_days else (rows, [])
    model = pipeline(params, rain).fit(_inputs(shape, params, rain), column(shape, "sold"))
    if not recent:
        return model, 1.0

    def ratio(part: Sequence[Mapping[str, str]]) -> float:
        return float(column(part, "sold").sum() / model.predict(_inputs(part, params, rain)).sum())

    level = ratio(recent) / ratio(shape)
    _scale(model[-1], level)
    return model, level


def _inputs(rows: Sequence[Mapping[str, str]], params: Mapping[str, Any], rain: str) -> pd.DataFrame:
    table = frame(rows, rain)
    if (
        params["bug"] == "inches"
    ):  # the demonstration's mistake: takes mm for inches and converts, in training only
        table[rain] = table[rain] * MM_PER_INCH
    return table


def _scale(regressor: Any, factor: float) -> None:
    """Multiply a fitted regressor's answers by a factor, inside its own parameters."""
    if isinstance(regressor, QuantileRegressor):
        regressor.coef_ = regressor.coef_ * factor
        regressor.intercept_ = regressor.intercept_ * factor
        return
    regressor.init_.constant_ = regressor.init_.constant_ * factor
    for tree in regressor.estimators_.ravel():
        tree.tree_.value[:] *= factor


def costs(order: np.ndarray, sold: np.ndarray) -> np.ndarray:
    """product.cost_eur for arrays: EUR a day."""
    too_few, too_many = np.maximum(sold - order, 0), np.maximum(order - sold, 0)
    return np.asarray(product.TOO_FEW_EUR * too_few + product.TOO_MANY_EUR * too_many)


def wape(order: np.ndarray, sold: np.ndarray) -> float:
    """Sum of absolute errors over the sum of sales, a fraction."""
    return float(np.abs(order - sold).sum() / sold.sum())


def block_interval(daily: np.ndarray, block: int = 7, draws: int = 2000) -> tuple[float, float]:
    """The 95 % interval of a mean per day by moving-block bootstrap (Kuensch 1989), blocks of a week.

    Blocks keep neighbouring days together, because errors of neighbouring days are alike.
    """
    rng = np.random.default_rng(0)
    block = min(block, len(daily))
    starts = rng.integers(0, len(daily) - block + 1, (draws, -(-len(daily) // block)))
    picks = (starts[:, :, None] + np.arange(block)).reshape(draws, -1)[:, : len(daily)]
    low, high = np.percentile(daily[picks].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def score(order: np.ndarray, sold: np.ndarray, naive: np.ndarray) -> dict[str, float]:
    """Error and money of an order rule against the naive rule on the same days."""
    saving = costs(naive, sold) - costs(order, sold)
    low, high = block_interval(saving)
    days = len(sold)
    numbers = {
        "rows": days,
        "wape": wape(order, sold),
        "mae": float(np.abs(order - sold).mean()),
        "bias": float((order - sold).sum() / sold.sum()),
        "coverage": float((sold <= order).mean()),
        "cost_eur": float(costs(order, sold).sum()),
        "cost_naive_eur": float(costs(naive, sold).sum()),
        "saving_eur": float(saving.sum()),
        "saving_low_eur": low * days,
        "saving_high_eur": high * days,
        "saving_per_year_eur": float(saving.mean() * 365),
    }
    return {k: round(v, 6) for k, v in numbers.items()}
