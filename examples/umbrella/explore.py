"""Explore: three ideas on the hold-out year 2014, each logged with the stock MLflow client.

    python explore.py --model naive       what was sold on the same weekday last week
    python explore.py --model observed    trained and scored on the rain that fell: too good to be true
    python explore.py --model forecast    trained and scored on the forecast of the evening before

The server is the one that MLFLOW_TRACKING_URI names. Each model writes its feature table with a
`..._known_at` column beside every feature and names it in the tag `paraplu.leakage_table`, so that a
check can find features that were not known when the order was placed. Rain observed on a day is known
only after the day: the table build/features_observed.csv shows it.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import warnings
from datetime import date, timedelta

import numpy as np
import paraplu

import learn
import product

TABLES = {
    "naive": "build/features_naive.csv",
    "observed": "build/features_observed.csv",
    "forecast": "build/features_forecast.csv",
}
RAIN = {"observed": "rain_observed_mm", "forecast": "rain_forecast_mm"}


def table(kind: str, params: dict[str, dict[str, object]]) -> list[dict[str, str]]:
    """The feature rows of an idea, each feature with the moment since when it was known."""
    forecasts = product.Forecasts(product.read_csv(paraplu.dataset("forecasts")))
    sales = product.Sales(product.read_csv(paraplu.dataset("sales")))
    rain = {r["date"]: r["precipitation"] for r in product.read_csv(paraplu.dataset("weather"))}
    test_from = str(params["split"]["test_from"])
    rows = []
    for day in product.days(date.fromisoformat(str(params["features"]["first_day"])), sales.last):
        row, sold = product.features(day, forecasts, sales), sales.truth(day)
        if sold is None or row["naive"] == "":
            continue
        if kind != "forecast":
            for column in ("rain_forecast_mm", "rain_forecast_known_at", "rain_forecast_lead_days"):
                del row[column]
        if kind == "observed":
            row["rain_observed_mm"] = rain[day.isoformat()]
            row["rain_observed_known_at"] = f"{day + timedelta(days=1)}T00:00:00Z"
        row["calendar_known_at"] = "2000-01-01T00:00:00Z"  # weekday and month are known for ever
        rows.append(row | {"sold": str(sold), "split": "test" if day.isoformat() >= test_from else "train"})
    return rows


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Train one idea and log it.")
    parser.add_argument("--model", choices=sorted(TABLES), required=True)
    parser.add_argument("--table-only", action="store_true", help="write the feature table and stop")
    arguments = parser.parse_args(argv)
    kind = arguments.model
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")

    params = paraplu.params()
    rows = table(kind, params)
    product.write_csv(TABLES[kind], list(rows[0]), rows)
    if arguments.table_only:
        return 0
    train, test = ([r for r in rows if r["split"] == s] for s in ("train", "test"))
    sold, naive = learn.column(test, "sold"), learn.column(test, "naive")
    order = naive
    logged: dict[str, object] = {"model": kind, "train_days": len(train), "test_days": len(test)}
    if kind in RAIN:
        model, _ = learn.fit(train, params["train"], RAIN[kind])
        order = model.predict(learn.frame(test, RAIN[kind]))
        logged |= {"quantile": round(product.QUANTILE, 4)} | {
            f"train.{k}": v for k, v in params["train"].items()
        }
    metrics = learn.score(order, sold, naive)
    predictions = f"build/predictions_{kind}.csv"
    product.write_csv(
        predictions,
        ["day", "prediction", "truth", "baseline"],
        [
            {"day": r["day"], "prediction": f"{o:.3f}", "truth": r["sold"], "baseline": r["naive"]}
            for r, o in zip(test, order, strict=True)
        ],
    )
    log(kind, logged, metrics, train, [TABLES[kind], predictions], order - sold)
    print(
        f"{kind}: WAPE {metrics['wape']:.3f}, cost {metrics['cost_eur']:.0f} EUR, saving against naive "
        f"{metrics['saving_eur']:.0f} EUR (95 %: {metrics['saving_low_eur']:.0f} .. "
        f"{metrics['saving_high_eur']:.0f})"
    )
    return 0


def log(
    kind: str,
    params: dict[str, object],
    metrics: dict[str, float],
    train: list[dict[str, str]],
    files: list[str],
    errors: np.ndarray,
) -> None:
    """One MLflow run: parameters, metrics (and the monthly error as a history), dataset, files."""
    import mlflow
    import pandas as pd

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="mlflow")  # it weighs several kinds of data source aloud
    mlflow.set_experiment("umbrella")
    with mlflow.start_run(run_name=kind):
        mlflow.log_params(params)
        mlflow.log_metrics(metrics)
        for month, part in enumerate(np.array_split(np.abs(errors), 12), start=1):
            mlflow.log_metric("mae_by_twelfth", float(part.mean()), step=month)
        mlflow.set_tags(
            {
                "product": "umbrella",
                "model": kind,
                "sales": "simulated",
                "paraplu.leakage_table": TABLES[kind],
            }
        )
        frame = pd.DataFrame(train)
        data = mlflow.data.from_pandas(frame, source=TABLES[kind], name=f"features_{kind}", targets="sold")
        mlflow.log_input(data, context="training")
        for path in files:
            mlflow.log_artifact(path)


if __name__ == "__main__":
    sys.exit(main())
