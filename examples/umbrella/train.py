"""Train the order model on the training days of build/features.csv and export it.

Writes build/model.joblib (for evaluate.py) and build/export (what is packaged and served).
"""

from __future__ import annotations

import io
import sys

import joblib
import paraplu

import learn
import product

INPUTS: dict[str, paraplu.InputSpec] = {
    "rain_forecast_mm": {"type": "float", "unit": "mm", "min": 0, "max": 300, "nullable": True},
    "weekday": {"type": "string", "categories": list(product.WEEKDAYS)},
    "month": {"type": "long", "min": 1, "max": 12},
}


def main() -> int:
    params = paraplu.params()["train"]
    rows = [r for r in product.read_csv("build/features.csv") if r["split"] == "train"]
    model, level = learn.fit(rows, params)
    buffer = io.BytesIO()
    joblib.dump(model, buffer)
    exported = paraplu.export(
        model,
        learn.frame(rows),
        "build/export",
        name="umbrella",
        inputs=INPUTS,
        output="order",
        unit="umbrellas",
        minimum=0,
    )
    product.write_bytes("build/model.joblib", buffer.getvalue())
    print(f"{params['kind']} on {len(rows)} days until {rows[-1]['day']}, level {level:.3f}")
    print(exported)
    return 0


if __name__ == "__main__":
    sys.exit(main())
