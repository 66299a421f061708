"""Decision-time features: what was known on the evening before, for every day.

python features.py
    build/features.csv: every day with a known outcome; columns product.FEATURE_COLUMNS,
    then sold (the outcome) and split (train | test, by params.yaml).

python features.py --from 2015-01-01 --until 2015-12-31 --out build/replay.csv
    the same features without any outcome, as serving has them. With --data DIR the
    vintages and sales are read from there; what was not yet known is still not used.
"""

from __future__ import annotations

import argparse
import sys
from datetime import date, timedelta
from pathlib import Path

import paraplu

import product


def load(folder: Path | None) -> tuple[product.Forecasts, product.Sales]:
    """Forecasts and sales of a folder, or of the paths that paraplu.yaml declares."""
    forecasts = folder / "forecasts.csv" if folder else paraplu.dataset("forecasts")
    sales = folder / "sales.csv" if folder else paraplu.dataset("sales")
    return product.Forecasts(product.read_csv(forecasts)), product.Sales(product.read_csv(sales))


def first_test_day(split: dict[str, object], last: date) -> date:
    """The first day of the hold-out: the last `test_days` days, or from `test_from` on."""
    test_days = int(str(split.get("test_days") or 0))
    if test_days > 0:
        return last - timedelta(days=test_days - 1)
    return date.fromisoformat(str(split["test_from"]))


def training_rows(
    forecasts: product.Forecasts, sales: product.Sales, first: date, test_from: date
) -> list[dict[str, str]]:
    """Features, outcome and split of every day from `first` whose outcome is known."""
    rows = []
    for day in product.days(first, sales.last):
        row, sold = product.features(day, forecasts, sales), sales.truth(day)
        if sold is None or row["naive"] == "":
            continue  # no outcome, or no week before to compare with
        rows.append(row | {"sold": str(sold), "split": "test" if day >= test_from else "train"})
    return rows


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Decision-time features.")
    parser.add_argument("--from", dest="first", type=date.fromisoformat, help="replay: first day")
    parser.add_argument("--until", type=date.fromisoformat, help="replay: last day")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--data", type=Path, help="folder of forecasts.csv and sales.csv")
    args = parser.parse_args(argv)
    if (args.first is None) != (args.until is None):
        parser.error("--from and --until go together")
    forecasts, sales = load(args.data)
    if args.first is not None:
        rows = [product.features(d, forecasts, sales) for d in product.days(args.first, args.until)]
        out = args.out or Path("build/replay.csv")
        product.write_csv(out, product.FEATURE_COLUMNS, rows)
        print(f"{out}: {len(rows)} days, features only, no outcome")
        return 0
    params = paraplu.params()
    test_from = first_test_day(params["split"], sales.last)
    first = date.fromisoformat(str(params["features"]["first_day"]))
    rows = training_rows(forecasts, sales, first, test_from)
    tests = sum(r["split"] == "test" for r in rows)
    if not tests or tests == len(rows):
        print(
            f"features: the split at {test_from} leaves {len(rows) - tests} training and {tests} hold-out "
            f"days; outcomes are known until {sales.last}. Set split.test_from or split.test_days.",
            file=sys.stderr,
        )
        return 2
    out = args.out or Path("build/features.csv")
    product.write_csv(out, [*product.FEATURE_COLUMNS, "sold", "split"], rows)
    print(f"{out}: {len(rows) - tests} training days, {tests} hold-out days from {test_from}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
