"""Hours become days, and days become decisions. Only the standard library.

    build/daily.csv      day, bikes, hours, known_at: days on which at most one hour is empty
    build/decisions.csv  day, decided_at, last_week, weekday, month: asked at 18:00 on the evening before

The file has 24 rows on every day. The hour that clocks skip in spring is empty or zero, and the hour that
they show twice in autumn is there once; the error of that hour is accepted and said here. Moments are the
local wall clock, labelled Z.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from datetime import date, datetime, timedelta
from pathlib import Path

FORMAT = "%m/%d/%Y %I:%M:%S %p"
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def main() -> None:
    bikes: dict[date, int] = defaultdict(int)
    hours: dict[date, int] = defaultdict(int)
    with open("data/counts.csv", newline="") as f:
        for row in csv.DictReader(f):
            day = datetime.strptime(row["Date"], FORMAT).date()
            west, east = row["Fremont Bridge West Sidewalk"], row["Fremont Bridge East Sidewalk"]
            if west and east:
                bikes[day] += int(west) + int(east)
                hours[day] += 1
    Path("build").mkdir(exist_ok=True)
    with open("build/daily.csv", "w", newline="") as f:
        out = csv.writer(f, lineterminator="\n")
        out.writerow(["day", "bikes", "hours", "known_at"])
        for day in sorted(bikes):
            if hours[day] >= 23:
                out.writerow([day, bikes[day], hours[day], f"{day + timedelta(days=1)}T00:15:00Z"])
    with open("build/decisions.csv", "w", newline="") as f:
        out = csv.writer(f, lineterminator="\n")
        out.writerow(["day", "decided_at", "last_week", "weekday", "month"])
        day = min(bikes)
        while day <= max(bikes):
            out.writerow(
                [
                    day,
                    f"{day - timedelta(days=1)}T18:00:00Z",
                    day - timedelta(days=7),
                    WEEKDAYS[day.weekday()],
                    day.month,
                ]
            )
            day += timedelta(days=1)


if __name__ == "__main__":
    main()
