"""Score the trained model on the hold-out days, in error and in money.

Writes build/holdout.csv (one row a day: prediction, truth, baseline, slices, and the features, so
that another model can be scored on the same days) and build/metrics.json.
"""

from __future__ import annotations

import json
import sys

import joblib
import numpy as np

import learn
import product

COLUMNS = (
    "day", "decided_at", "prediction", "truth", "baseline", "weekday", "rain_class",
    "rain_forecast_mm", "month",
)  # fmt: skip


def rain_class(text: str) -> str:
    """The slice of a day by its forecast: dry, light (below 5 mm), wet, or unknown."""
    if text == "":
        return "unknown"
    return "dry" if float(text) == 0 else "light" if float(text) < 5 else "wet"


def weekday_quantile(train: list[dict[str, str]], test: list[dict[str, str]]) -> np.ndarray:
    """A second, stronger rule to beat: the 0.82 quantile of the weekday's sales, without any weather."""
    by_day: dict[str, list[float]] = {}
    for r in train:
        by_day.setdefault(r["weekday"], []).append(float(r["sold"]))
    return np.array([np.quantile(by_day[r["weekday"]], product.QUANTILE) for r in test])


def main() -> int:
    rows = product.read_csv("build/features.csv")
    train = [r for r in rows if r["split"] == "train"]
    test = [r for r in rows if r["split"] == "test"]
    model = joblib.load("build/model.joblib")
    order, sold, naive = (
        model.predict(learn.frame(test)),
        learn.column(test, "sold"),
        learn.column(test, "naive"),
    )
    product.write_csv(
        "build/holdout.csv",
        COLUMNS,
        [
            {k: r[k] for k in ("day", "decided_at", "weekday", "rain_forecast_mm", "month")}
            | {"prediction": f"{o:.6f}", "truth": r["sold"], "baseline": r["naive"]}
            | {"rain_class": rain_class(r["rain_forecast_mm"])}
            for r, o in zip(test, order, strict=True)
        ],
    )
    metrics = learn.score(order, sold, naive)
    metrics["cost_weekday_quantile_eur"] = round(
        float(learn.costs(weekday_quantile(train, test), sold).sum()), 6
    )
    product.write_text("build/metrics.json", json.dumps(metrics, indent=2, sort_keys=True) + "\n")
    print(
        f"{len(test)} hold-out days {test[0]['day']} .. {test[-1]['day']}: WAPE {metrics['wape']:.3f}, "
        f"cost {metrics['cost_eur']:.0f} EUR, naive rule {metrics['cost_naive_eur']:.0f} EUR, saving "
        f"{metrics['saving_eur']:.0f} EUR (95 %: {metrics['saving_low_eur']:.0f} .. "
        f"{metrics['saving_high_eur']:.0f})"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
