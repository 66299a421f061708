from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

import numpy as np
import pytest

import simulate

SHA256 = "0845078a290b48e3149ab8639966824110a251db4e06fc144c06ebb534af23be"


def days_before(limit: date) -> list[tuple[date, float]]:
    _, lines = simulate.read_weather()
    return [(d, simulate.rain_mm(line)) for d, line in lines.items() if d < limit]


def test_the_weather_is_the_public_file_unchanged() -> None:
    assert hashlib.sha256(simulate.SOURCE.read_bytes()).hexdigest() == SHA256


@pytest.mark.parametrize("make", [simulate.weather_lines, simulate.sales_lines, simulate.forecast_lines])
def test_an_earlier_delivery_is_a_prefix_of_a_later_one(make) -> None:
    whole = make(date(2016, 1, 1))
    for until in (
        date(2012, 1, 2),
        date(2013, 7, 14),
        simulate.SHIFT_DAY,
        date(2015, 12, 30),
        date(2015, 12, 31),
    ):
        part = make(until)
        assert 1 < len(part) <= len(whole)
        assert part == whole[: len(part)]


def test_nothing_of_the_future_is_delivered() -> None:
    until = date(2014, 6, 30)
    assert max(line.split(",")[0] for line in simulate.sales_lines(until)[1:]) == "2014-06-29"
    assert max(line.split(",")[2] for line in simulate.sales_lines(until)[1:]) <= f"{until}T18:00:00Z"
    assert max(line[:10] for line in simulate.weather_lines(until)[1:]) == "2014-06-29"
    assert max(line.split(",")[1] for line in simulate.forecast_lines(until)[1:]) <= f"{until}T18:00:00Z"


def test_same_command_same_bytes(tmp_path: Path) -> None:
    for out in ("a", "b"):
        assert simulate.main(["--until", "2013-01-01", "--out", str(tmp_path / out)]) == 0
    names = sorted(p.name for p in (tmp_path / "a").iterdir())
    assert names == ["forecasts.csv", "sales.csv", "weather.csv"]
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_regression_finds_the_written_coefficients() -> None:
    rows = [(d, r, simulate.sold(d, r)) for d, r in days_before(simulate.SHIFT_DAY)]
    weekday = np.array([d.weekday() for d, _, _ in rows])
    angle = 2 * np.pi * (np.array([d.timetuple().tm_yday for d, _, _ in rows]) - 15) / 365.25
    wet = 1 - np.exp(-np.array([r for _, r, _ in rows]) / simulate.RAIN_SCALE_MM)
    sold = np.array([s for _, _, s in rows], float)
    # sold = w[weekday] * (a + b*wet) * (1 + s*cos) is bilinear: alternate two weighted least squares.
    season, weeks = 0.0, np.ones(7)
    for _ in range(20):
        factor = weeks[weekday] * (1 + season * np.cos(angle))
        a, b = np.linalg.lstsq(
            np.c_[np.ones_like(wet), wet] * (factor / sold)[:, None], np.ones_like(sold), None
        )[0]
        level = (a + b * wet) * (1 + season * np.cos(angle))
        weeks = np.array([sold[weekday == k].sum() / level[weekday == k].sum() for k in range(7)])
        base = (a + b * wet) * weeks[weekday]
        season = float(((sold - base) * base * np.cos(angle)).sum() / ((base * np.cos(angle)) ** 2).sum())
    scale = weeks.mean() / np.mean(simulate.WEEKDAY)
    assert weeks / scale == pytest.approx(np.array(simulate.WEEKDAY), rel=0.05)
    assert a * scale == pytest.approx(simulate.BASE, rel=0.06)
    assert b * scale == pytest.approx(simulate.RAIN_GAIN, rel=0.06)
    assert season == pytest.approx(simulate.SEASON, abs=0.03)
    excess = np.mean(((sold - base) ** 2 - base) / base**2)  # over-dispersion beyond Poisson
    assert np.sqrt(np.log1p(excess)) == pytest.approx(simulate.NOISE, abs=0.03)


def test_demand_shifts_on_its_day_and_only_then() -> None:
    rows = days_before(date(2016, 1, 1))
    ratio = {True: [], False: []}
    for d, r in rows:
        plain = simulate.expected(d, r) / (simulate.SHIFT if d >= simulate.SHIFT_DAY else 1)
        ratio[d >= simulate.SHIFT_DAY].append(simulate.sold(d, r) / plain)
    assert np.mean(ratio[False]) == pytest.approx(1.0, abs=0.02)
    assert np.mean(ratio[True]) == pytest.approx(simulate.SHIFT, rel=0.03)


def test_forecast_errors_grow_with_the_lead() -> None:
    rows = days_before(date(2016, 1, 1))
    errors, missing = [], 0
    for lead in simulate.LEADS:
        pairs = [(simulate.forecast(d, r, lead), r) for d, r in rows]
        missing += sum(f is None for f, _ in pairs)
        known = [(f, r) for f, r in pairs if f is not None]
        assert min(f for f, _ in known) >= 0
        errors.append(np.mean([abs(f - r) for f, r in known]))
        assert sum(f > 0 and r == 0 for f, r in known) > 5, "false alarms"
        assert sum(f == 0 and r > 0 for f, r in known) > 5, "misses"
    assert errors == sorted(errors) and errors[3] > 2 * errors[0]
    assert missing / (4 * len(rows)) == pytest.approx(simulate.LOST, abs=0.006)


@pytest.mark.parametrize("kind", ["renamed-column", "fahrenheit", "sentinel"])
def test_corrupted_deliveries_are_wrong_in_one_way(tmp_path: Path, kind: str) -> None:
    good = simulate.weather_lines(date(2014, 12, 31))
    assert simulate.main(["--until", "2014-12-31", "--out", str(tmp_path), "--corrupt", kind]) == 0
    bad = (tmp_path / "weather.csv").read_text().splitlines()
    assert [p.name for p in tmp_path.iterdir()] == ["weather.csv"] and len(bad) == len(good)
    assert (bad[0] != good[0]) == (kind == "renamed-column")
    changed = sum(a != b for a, b in zip(bad[1:], good[1:], strict=True))
    assert changed == {"renamed-column": 0, "fahrenheit": len(good) - 1, "sentinel": 3}[kind]
    assert sum("-9999" in line for line in bad) == (3 if kind == "sentinel" else 0)


def test_the_documents_state_the_coefficients() -> None:
    readme = (simulate.SOURCE.parent.parent / "README.md").read_text()
    text = simulate.__doc__ or ""
    s = simulate
    for name in ("BASE", "RAIN_GAIN", "RAIN_SCALE_MM", "SEASON", "NOISE", "SHIFT", "LOST", "MISS_SCALE_MM"):
        assert f"{name} {getattr(s, name):g}" in text
    for name in ("ERROR_STEP", "MISS", "FALSE_ALARM"):
        values = [f"{v:.2f}" for v in getattr(s, name)]
        assert f"{name} {' '.join(values)}" in text and ", ".join(values) in readme
    assert f"{s.SHIFT} from {s.SHIFT_DAY}" in text and f"{s.SHIFT} from {s.SHIFT_DAY}" in readme
    assert f"({s.BASE:g} + {s.RAIN_GAIN:g} * (1 - exp(-rain_mm / {s.RAIN_SCALE_MM:g})))" in readme
    assert ", ".join(f"{w:.2f}" for w in s.WEEKDAY) in readme
