"""Forecast vintages, SIMULATED from the observed weather with a seeded error.

They say what was believed about a day, and since when. Real forecasts were not archived with this data.
Three vintages for each day, issued at 06:00 two days before, the day before and on the day; the error grows
with the lead. Nothing is overwritten. Moments are the local wall clock, labelled Z.

    build/forecasts.csv: valid_for, issued_at, lead_days, rain_mm, temp_max_c
"""

from __future__ import annotations

import csv
import math
import random
from datetime import date, timedelta
from pathlib import Path

SEED = 20121003
RAIN_ERROR = (0.15, 0.30, 0.50)  # of the logarithm, by lead
MISSED = (0.03, 0.08, 0.15)  # share of wet days that are not seen
TEMP_ERROR_C = (0.8, 1.5, 2.2)


def main() -> None:
    rng = random.Random(SEED)
    out = Path("build/forecasts.csv")
    out.parent.mkdir(exist_ok=True)
    with open("data/weather.csv", newline="") as source, open(out, "w", newline="") as f:
        to = csv.writer(f, lineterminator="\n")
        to.writerow(["valid_for", "issued_at", "lead_days", "rain_mm", "temp_max_c"])
        for row in csv.DictReader(source):
            day, rain, warm = (
                date.fromisoformat(row["date"]),
                float(row["precipitation"]),
                float(row["temp_max"]),
            )
            for lead in (2, 1, 0):
                wet = rain * math.exp(rng.gauss(0, RAIN_ERROR[lead])) if rng.random() > MISSED[lead] else 0.0
                issued = f"{day - timedelta(days=lead)}T06:00:00Z"
                to.writerow(
                    [day, issued, lead, f"{wet:.1f}", f"{warm + rng.gauss(0, TEMP_ERROR_C[lead]):.1f}"]
                )


if __name__ == "__main__":
    main()
