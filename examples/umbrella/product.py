"""The umbrella product in one module: words, money and features, for training and serving.

Every script imports this module, and so does the replay of 2015: the features that a model
was trained on and the features that it is asked with come from the same lines of code.
Only the standard library is used. Units: mm of rain per day, umbrellas, EUR.
"""

from __future__ import annotations

import csv
import io
import os
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

TOO_FEW_EUR = 7.00  # lost margin of an umbrella that was asked for and not there
TOO_MANY_EUR = 1.50  # cost of an umbrella that stays on the shelf
QUANTILE = TOO_FEW_EUR / (TOO_FEW_EUR + TOO_MANY_EUR)  # 0.8235: the order that costs least (newsvendor)
DECISION_CLOCK = "T18:00:00Z"  # on the evening before; the shop's wall clock, labelled Z
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

INPUTS = ("rain_forecast_mm", "weekday", "month")  # what the model is asked with
FEATURE_COLUMNS = (
    "day", "decided_at", "rain_forecast_mm", "rain_forecast_known_at", "rain_forecast_lead_days",
    "weekday", "month", "naive", "naive_known_at",
)  # fmt: skip


def cost_eur(order: float, sold: float) -> float:
    """What an order costs when `sold` umbrellas are asked for, in EUR."""
    return TOO_FEW_EUR * max(sold - order, 0.0) + TOO_MANY_EUR * max(order - sold, 0.0)


@dataclass(frozen=True)
class Vintage:
    """One forecast of one day: what was believed from `issued_at` on."""

    issued_at: str
    lead_days: int
    rain_mm: float


class Forecasts:
    """All vintages, so that a question can be answered as it was answered at any moment."""

    def __init__(self, rows: Iterable[Mapping[str, str]]) -> None:
        self._by_day: dict[str, list[Vintage]] = {}
        for r in rows:
            vintage = Vintage(r["issued_at"], int(r["lead_days"]), float(r["rain_mm"]))
            self._by_day.setdefault(r["valid_for"], []).append(vintage)
        for vintages in self._by_day.values():
            vintages.sort(key=lambda v: v.issued_at)

    def as_of(self, day: date, decided_at: str) -> Vintage | None:
        """The newest vintage for `day` with issued_at <= decided_at, None if there is none.

        This is the point-in-time join: a forecast issued after the decision is never used,
        although it is in the same file and is the better one.
        """
        vintages = self._by_day.get(day.isoformat(), [])
        n = bisect_right([v.issued_at for v in vintages], decided_at)
        return vintages[n - 1] if n else None


class Sales:
    """What was sold on each day and when that was known."""

    def __init__(self, rows: Iterable[Mapping[str, str]]) -> None:
        self._by_day = {r["day"]: (int(r["sold"]), r["known_at"]) for r in rows}

    def truth(self, day: date) -> int | None:
        """The umbrellas sold on `day`, None if nobody knows yet."""
        row = self._by_day.get(day.isoformat())
        return row[0] if row else None

    def as_of(self, day: date, decided_at: str) -> tuple[int, str] | None:
        """(sold, known_at) of `day` if that was known at the decision, else None."""
        row = self._by_day.get(day.isoformat())
        return row if row and row[1] <= decided_at else None

    @property
    def last(self) -> date:
        """The last day with a known outcome."""
        return date.fromisoformat(max(self._by_day))


def decided_at(day: date) -> str:
    """When the order for `day` is placed: 18:00 on the evening before."""
    return f"{day - timedelta(days=1)}{DECISION_CLOCK}"


def features(day: date, forecasts: Forecasts, sales: Sales) -> dict[str, str]:
    """The row of `day` exactly as it can be known at its decision; "" where nothing is known."""
    moment = decided_at(day)
    rain = forecasts.as_of(day, moment)
    naive = sales.as_of(day - timedelta(days=7), moment)
    return {
        "day": day.isoformat(),
        "decided_at": moment,
        "rain_forecast_mm": f"{rain.rain_mm:.1f}" if rain else "",
        "rain_forecast_known_at": rain.issued_at if rain else "",
        "rain_forecast_lead_days": str(rain.lead_days) if rain else "",
        "weekday": WEEKDAYS[day.weekday()],
        "month": str(day.month),
        "naive": str(naive[0]) if naive else "",
        "naive_known_at": naive[1] if naive else "",
    }


def days(first: date, last: date) -> list[date]:
    """Every day from `first` to `last`, both included."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def read_csv(path: Path | str) -> list[dict[str, str]]:
    """The rows of a CSV file as text; FileNotFoundError says which file."""
    with open(path, encoding="utf-8", newline="") as f:
        return list(csv.DictReader(f))


def write_csv(path: Path | str, columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Write rows to a CSV file, atomically and with the same bytes for the same rows."""
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, columns, lineterminator="\n", extrasaction="raise")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, buffer.getvalue())


def write_text(path: Path | str, text: str) -> None:
    """Write a file by temporary and rename: a reader sees the old text or the new, never half."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path | str, data: bytes) -> None:
    """Like write_text, for bytes."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_bytes(data)
    os.replace(temporary, path)
