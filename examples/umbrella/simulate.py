"""Simulated umbrella sales and simulated rain forecasts on real Seattle weather.

Umbrella sales do not exist as open data, so this program makes them. **The weather is
real** (NOAA, `data-source/seattle-weather.csv`); **the sales and the forecasts are
simulated** by the formulas below, with these coefficients and a fixed seed, so that what
a model finds can be compared with what is there. Only the standard library is used.

Sales of a day (umbrellas asked for, a count; nobody is turned away in this shop):

    expected(day) = (BASE + RAIN_GAIN * (1 - exp(-rain_mm / RAIN_SCALE_MM)))
                    * WEEKDAY[weekday] * (1 + SEASON * cos(2*pi*(day_of_year - 15) / 365.25))
                    * (SHIFT if day >= SHIFT_DAY else 1)
    sold(day)     = Poisson(expected(day) * exp(NOISE*z - NOISE^2/2)),   z ~ Normal(0, 1)

The log-normal factor makes the counts over-dispersed: variance = mean + (exp(NOISE^2)-1)*mean^2.
SHIFT is the story's change of the world: from SHIFT_DAY on, demand is SHIFT times what it
was (the shop next door closed) while the weather goes on as before. The coefficients are

    BASE 40, RAIN_GAIN 70, RAIN_SCALE_MM 6, SEASON 0.1, NOISE 0.1, SHIFT 2.2 from 2015-03-02,
    WEEKDAY Mon 0.90, Tue 0.85, Wed 0.90, Thu 0.95, Fri 1.10, Sat 1.35, Sun 0.95.

Forecast of a day's rain, one *vintage* for each lead 0, 1, 2, 3 (days between the day of
issue and the day it is about), issued every morning at 06:00:

    wet day (rain > 0): missed, i.e. 0.0 mm, with probability MISS[lead] * exp(-rain_mm / MISS_SCALE_MM);
                        else rain * exp(e - s^2/2),  e = sum of the steps of leads 0..lead,
                        step k ~ Normal(0, ERROR_STEP[k]),  s^2 = sum of ERROR_STEP[k]^2
    dry day:            a false alarm with probability FALSE_ALARM[lead], then
                        Exponential(mean FALSE_ALARM_MM) mm; else 0.0 mm

The error of an older vintage contains the error of the newer one, so it grows with the
lead. A vintage is missing with probability LOST. Amounts are rounded to 0.1 mm and never
negative. For the leads 0, 1, 2, 3 the coefficients are

    ERROR_STEP 0.15 0.25 0.35 0.45, MISS 0.05 0.12 0.22 0.35, FALSE_ALARM 0.02 0.04 0.08 0.12,
    MISS_SCALE_MM 4, FALSE_ALARM_MM 3, LOST 0.02.

Clock: every time stamp is the shop's wall clock written with the label Z (UTC), so that the
example has no hours that occur twice. The order for a day is placed at 18:00 on the evening
before. What happened on a day is known at 00:00 of the next day.

Every number is drawn from a generator seeded with (SEED, what, day, lead), never from a
running stream. So a longer output always begins with the shorter one, byte for byte.

    python simulate.py --until 2014-12-31 --out data

writes what is known at 18:00 on the day `--until`: weather.csv and sales.csv up to the day
before, forecasts.csv with every vintage issued so far (also about the next three days).
"""

from __future__ import annotations

import argparse
import math
import os
import random
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from statistics import NormalDist

SEED = 2015
FIRST_DAY = date(2012, 1, 1)
LAST_DAY = date(2015, 12, 31)

BASE = 40.0  # umbrellas on a dry day
RAIN_GAIN = 70.0  # more umbrellas on a very wet day
RAIN_SCALE_MM = 6.0  # mm of rain at which 63 % of RAIN_GAIN is reached (saturation)
WEEKDAY = (0.90, 0.85, 0.90, 0.95, 1.10, 1.35, 0.95)  # Monday .. Sunday
SEASON = 0.10
NOISE = 0.10
SHIFT_DAY = date(2015, 3, 2)
SHIFT = 2.2

LEADS = (0, 1, 2, 3)
ERROR_STEP = (0.15, 0.25, 0.35, 0.45)
MISS = (0.05, 0.12, 0.22, 0.35)
MISS_SCALE_MM = 4.0
FALSE_ALARM = (0.02, 0.04, 0.08, 0.12)
FALSE_ALARM_MM = 3.0
LOST = 0.02

SOURCE = Path(__file__).resolve().parent / "data-source" / "seattle-weather.csv"
NORMAL = NormalDist()


def days(first: date, last: date) -> Iterator[date]:
    """Every day from `first` to `last`, both included."""
    for n in range((last - first).days + 1):
        yield first + timedelta(days=n)


def generator(what: str, day: date, lead: int = 0) -> random.Random:
    """The generator of one number: same arguments, same numbers, whatever else is drawn."""
    return random.Random(f"{SEED}:{what}:{day.isoformat()}:{lead}")


def normal(rng: random.Random) -> float:
    """One standard normal number, by inversion."""
    return NORMAL.inv_cdf(min(max(rng.random(), 1e-12), 1 - 1e-12))


def poisson(rng: random.Random, mean: float) -> int:
    """One Poisson count, by inversion (mean below 700)."""
    u, k = rng.random(), 0
    p = total = math.exp(-mean)
    while u > total and k < 10_000:
        k += 1
        p *= mean / k
        total += p
    return k


def read_weather(path: Path = SOURCE) -> tuple[str, dict[date, str]]:
    """The header and the unchanged line of each day of the real weather file."""
    header, *lines = path.read_text(encoding="ascii").splitlines()
    return header, {date.fromisoformat(line[:10]): line for line in lines}


def rain_mm(line: str) -> float:
    """The rain of a weather line in mm."""
    return float(line.split(",")[1])


def expected(day: date, rain: float) -> float:
    """The mean demand of a day with `rain` mm: the truth a model has to find."""
    level = BASE + RAIN_GAIN * (1 - math.exp(-rain / RAIN_SCALE_MM))
    angle = 2 * math.pi * (day.timetuple().tm_yday - 15) / 365.25
    shift = SHIFT if day >= SHIFT_DAY else 1.0
    return level * WEEKDAY[day.weekday()] * (1 + SEASON * math.cos(angle)) * shift


def sold(day: date, rain: float) -> int:
    """The umbrellas asked for on a day (simulated)."""
    rng = generator("sales", day)
    factor = math.exp(NOISE * normal(rng) - NOISE**2 / 2)
    return poisson(rng, expected(day, rain) * factor)


def forecast(day: date, rain: float, lead: int) -> float | None:
    """The forecast in mm for `day`, issued `lead` days before; None if that vintage is lost."""
    rng = generator("forecast", day, lead)
    u_lost, u_event, u_amount = rng.random(), rng.random(), rng.random()
    if u_lost < LOST:
        return None
    if rain <= 0:
        return round(-FALSE_ALARM_MM * math.log(1 - u_amount), 1) if u_event < FALSE_ALARM[lead] else 0.0
    if u_event < MISS[lead] * math.exp(-rain / MISS_SCALE_MM):
        return 0.0
    steps = [s * normal(generator("step", day, k)) for k, s in enumerate(ERROR_STEP[: lead + 1])]
    spread = sum(s**2 for s in ERROR_STEP[: lead + 1])
    return round(rain * math.exp(sum(steps) - spread / 2), 1)


def weather_lines(until: date) -> list[str]:
    """weather.csv: header and the real lines of the days before `until`."""
    header, lines = read_weather()
    return [header, *(lines[d] for d in days(FIRST_DAY, min(until - timedelta(days=1), LAST_DAY)))]


def sales_lines(until: date) -> list[str]:
    """sales.csv: `day,sold,known_at`, simulated, the days before `until`."""
    _, lines = read_weather()
    out = ["day,sold,known_at"]
    for d in days(FIRST_DAY, min(until - timedelta(days=1), LAST_DAY)):
        out.append(f"{d},{sold(d, rain_mm(lines[d]))},{d + timedelta(days=1)}T00:00:00Z")
    return out


def forecast_lines(until: date) -> list[str]:
    """forecasts.csv: `valid_for,issued_at,lead_days,rain_mm`, simulated, issued up to `until`."""
    _, lines = read_weather()
    out = ["valid_for,issued_at,lead_days,rain_mm"]
    for issued in days(FIRST_DAY, min(until, LAST_DAY)):
        for lead in LEADS:
            d = issued + timedelta(days=lead)
            value = forecast(d, rain_mm(lines[d]), lead) if d in lines else None
            if value is not None:
                out.append(f"{d},{issued}T06:00:00Z,{lead},{value:.1f}")
    return out


def corrupt(lines: list[str], kind: str) -> list[str]:
    """A broken weather delivery, as feeds break in real life.

    renamed-column: `precipitation` is called `precip_mm` (nothing else changes).
    fahrenheit:     both temperatures in degrees Fahrenheit, the header unchanged.
    sentinel:       three missing days of rain are written as -9999.
    """
    header, *rows = lines
    if kind == "renamed-column":
        return [header.replace("precipitation", "precip_mm"), *rows]
    if kind == "fahrenheit":
        cells = [r.split(",") for r in rows]
        return [header] + [
            ",".join([c[0], c[1], f"{float(c[2]) * 1.8 + 32:.1f}", f"{float(c[3]) * 1.8 + 32:.1f}", *c[4:]])
            for c in cells
        ]
    gaps = {len(rows) - 40, len(rows) - 23, len(rows) - 9}
    return [header] + [
        ",".join([r.split(",")[0], "-9999", *r.split(",")[2:]]) if n in gaps else r
        for n, r in enumerate(rows)
    ]


def write(path: Path, lines: list[str]) -> None:
    """Write lines to a file so that a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    os.replace(temporary, path)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Simulated sales and forecasts on real Seattle weather.")
    parser.add_argument("--until", type=date.fromisoformat, default=LAST_DAY + timedelta(days=1))
    parser.add_argument("--out", type=Path, default=Path("data"))
    parser.add_argument("--corrupt", choices=["renamed-column", "fahrenheit", "sentinel"])
    args = parser.parse_args(argv)
    if not FIRST_DAY < args.until <= LAST_DAY + timedelta(days=1):
        parser.error(f"--until {args.until}: the weather record covers {FIRST_DAY} to {LAST_DAY}")
    weather = weather_lines(args.until)
    if args.corrupt:  # a delivery of the weather feed alone
        write(args.out / "weather.csv", corrupt(weather, args.corrupt))
        print(f"{args.out}/weather.csv: {len(weather) - 1} rows, corrupted on purpose: {args.corrupt}")
        return 0
    for name, lines, origin in (
        ("weather.csv", weather, "real"),
        ("forecasts.csv", forecast_lines(args.until), "simulated"),
        ("sales.csv", sales_lines(args.until), "simulated"),
    ):
        write(args.out / name, lines)
        print(f"{args.out}/{name}: {len(lines) - 1} rows, {origin}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
