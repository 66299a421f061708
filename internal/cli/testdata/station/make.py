"""Makes the deliveries of the station: days that keep the contract, with a fixed seed. Only the standard library."""

import csv
import math
import random
from datetime import date, timedelta

rng = random.Random(7)
HEADER = ["day", "station", "temp_min", "temp_max", "rain_mm", "wind", "sky", "open", "visitors", "inspected"]


def row(day: date) -> list[object]:
    warm = 14 - 8 * math.cos((day.timetuple().tm_yday - 15) / 58) + rng.gauss(0, 2)
    rain = round(rng.expovariate(1 / 6) + 0.2, 1) if rng.random() < 0.4 else 0.0
    sky = "rain" if rain else rng.choice(["clear", "clear", "cloudy", "fog"])
    is_open = day.weekday() != 0
    visitors = int(rng.gauss(300, 60) - 8 * min(rain, 15)) if is_open else 0
    wind = round(rng.gammavariate(6, 0.6), 2)
    return [day, "00420", f"{warm - rng.uniform(4, 9):.1f}", f"{warm:.1f}", rain, wind, sky, str(is_open).lower(), max(visitors, 0), day.replace(day=1)]


def write(path: str, first: date, days: int) -> None:
    with open(path, "w", newline="") as f:
        out = csv.writer(f, lineterminator="\n")
        out.writerow(HEADER)
        out.writerows(row(first + timedelta(d)) for d in range(days))


write("deliveries/spring.csv", date(2026, 3, 1), 61)
write("deliveries/may.csv", date(2026, 5, 1), 31)
