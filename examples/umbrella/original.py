"""What the original scikit-learn model answers for some days, to compare the served answers with.

    python original.py --model build/model.joblib --features build/replay.csv --days 5

Prints one JSON object, day to order. The features are those of the replay: known when the order was placed.
"""

from __future__ import annotations

import argparse
import json
import sys

import joblib

import learn
import product


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Ask the original model.")
    parser.add_argument("--model", default="build/model.joblib")
    parser.add_argument("--features", default="build/replay.csv")
    parser.add_argument("--days", type=int, default=5)
    a = parser.parse_args(argv)
    rows = product.read_csv(a.features)[: a.days]
    orders = joblib.load(a.model).predict(learn.frame(rows))
    print(json.dumps({r["day"]: float(o) for r, o in zip(rows, orders, strict=True)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
