"""The training set: joined decisions whose inputs were all known, with the outcome beside them."""

from __future__ import annotations

import csv

NEEDED = ("forecast_rain_mm", "last_week_bikes")


def main() -> None:
    with open("build/daily.csv", newline="") as f:
        truth = {row["day"]: row["bikes"] for row in csv.DictReader(f)}
    with (
        open("build/with-history.csv", newline="") as source,
        open("build/training.csv", "w", newline="") as f,
    ):
        rows = csv.DictReader(source)
        out = csv.DictWriter(f, [*(rows.fieldnames or ()), "bikes"], lineterminator="\n")
        out.writeheader()
        kept = left = 0
        for row in rows:
            if row["day"] in truth and all(row[name] for name in NEEDED):
                out.writerow(row | {"bikes": truth[row["day"]]})
                kept += 1
            else:
                left += 1
    print(f"build/training.csv: {kept} days; {left} left out, because an input or the outcome is not known")


if __name__ == "__main__":
    main()
