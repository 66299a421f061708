"""The pipeline as it is run, and the story that the example tells, as numbers that must hold."""

from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path

import joblib
import numpy as np
import pytest
from conftest import run

import learn
import product
import simulate


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as f:
        return list(csv.DictReader(f))


def test_no_feature_is_newer_than_its_decision(trained: Path) -> None:
    table = rows(trained / "build/features.csv")
    assert len(table) > 1000
    for r in table:
        assert r["rain_forecast_known_at"] <= r["decided_at"] and r["naive_known_at"] <= r["decided_at"]
        assert r["decided_at"] == product.decided_at(date.fromisoformat(r["day"]))
        assert r["rain_forecast_lead_days"] != "0", "the vintage of the same morning is too late"
    assert {r["rain_forecast_lead_days"] for r in table} >= {"1", "2"}, (
        "a lost vintage falls back to the one before"
    )


def test_observed_rain_is_known_too_late(trained: Path) -> None:
    import explore

    assert "rain_observed_mm" in explore.RAIN["observed"]
    code = "import explore, paraplu, product; t = explore.table('observed', paraplu.params());"
    code += "product.write_csv('build/features_observed.csv', list(t[0]), t)"
    run(trained, "-c", code)
    table = rows(trained / "build/features_observed.csv")
    assert all(r["rain_observed_known_at"] > r["decided_at"] for r in table)
    assert all(r["naive_known_at"] <= r["decided_at"] for r in table)


def test_replay_has_the_features_of_training_and_no_outcome(trained: Path, tmp_path: Path) -> None:
    full = tmp_path / "full"
    run(trained, "simulate.py", "--until", "2016-01-01", "--out", str(full))
    dates = ("--from", "2014-06-01", "--until", "2014-06-30")
    run(trained, "features.py", *dates, "--data", str(full), "--out", str(tmp_path / "replay.csv"))
    replay = rows(tmp_path / "replay.csv")
    assert "sold" not in replay[0] and len(replay) == 30
    train = {r["day"]: r for r in rows(trained / "build/features.csv")}
    for r in replay:  # although the folder holds the future
        assert r == {k: train[r["day"]][k] for k in r}


def test_steps_are_repeatable(trained: Path) -> None:
    def state() -> dict[str, bytes]:
        return {str(p): p.read_bytes() for p in sorted((trained / "build").rglob("*")) if p.is_file()}

    before = state()
    for script in ("features.py", "train.py", "evaluate.py"):
        run(trained, script)
    assert state() == before


def test_first_release_saves_money(trained: Path) -> None:
    m = json.loads((trained / "build/metrics.json").read_text())
    assert m["rows"] == 364
    assert m["saving_low_eur"] > 20_000 and m["cost_eur"] < 0.35 * m["cost_naive_eur"]
    assert m["cost_eur"] < 0.5 * m["cost_weekday_quantile_eur"], (
        "most of it comes from the weather, not from the quantile"
    )
    holdout = rows(trained / "build/holdout.csv")
    cost = sum(product.cost_eur(float(r["prediction"]), float(r["truth"])) for r in holdout)
    assert cost == pytest.approx(m["cost_eur"], abs=0.01)


def replay_2015(model: object) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
    """Days of 2015, orders of a model at decision time, naive orders, sales."""

    def parse(lines: list[str]) -> list[dict[str, str]]:
        return list(csv.DictReader(lines))

    forecasts = product.Forecasts(parse(simulate.forecast_lines(date(2015, 12, 31))))
    sales = product.Sales(parse(simulate.sales_lines(date(2016, 1, 1))))
    days = product.days(date(2015, 1, 1), date(2015, 12, 31))
    table = [product.features(d, forecasts, sales) for d in days]
    orders = model.predict(learn.frame(table))  # type: ignore[attr-defined]
    sold = np.array([float(sales.truth(d) or 0) for d in days])
    return [d.isoformat() for d in days], orders, learn.column(table, "naive"), sold


def test_the_alert_fires_after_the_shift_and_not_before(trained: Path) -> None:
    holdout = rows(trained / "build/holdout.csv")
    p, y = learn.column(holdout, "prediction"), learn.column(holdout, "truth")
    reference = [learn.wape(p[i : i + 7], y[i : i + 7]) for i in range(0, 364, 7)]
    limit = np.mean(reference) + 3 * np.std(reference, ddof=1)
    days, order, naive, sold = replay_2015(joblib.load(trained / "build/model.joblib"))
    for offset in range(7):  # whatever weekday the windows begin with
        weeks = [(days[i], slice(i, i + 7)) for i in range(offset, 358, 7)]
        high = {d: learn.wape(order[s], sold[s]) > limit for d, s in weeks}
        before = [v for d, v in high.items() if d < "2015-02-23"]
        after = [v for d, v in high.items() if d >= simulate.SHIFT_DAY.isoformat()][:3]
        assert sum(before) == 0
        assert sum(after) >= 2
        saving = [
            (learn.costs(naive[s], sold[s]) - learn.costs(order[s], sold[s])).sum()
            for d, s in weeks
            if d > "2015-03-02"
        ]
        assert sum(saving[:6]) < 0, "the naive rule learns in a week, the model does not"


def test_the_retrained_model_wins_in_money(trained: Path, retrained: Path) -> None:
    m = json.loads((retrained / "build/metrics.json").read_text())
    assert m["rows"] == 14 and m["saving_low_eur"] > 0
    days, candidate, naive, sold = replay_2015(joblib.load(retrained / "build/model.joblib"))
    champion = replay_2015(joblib.load(trained / "build/model.joblib"))[1]
    unseen = np.array(["2015-03-19" <= d < "2015-04-02" for d in days])
    rest = np.array([d >= "2015-04-02" for d in days])
    for part in (unseen, rest):
        costs = [learn.costs(o[part], sold[part]).sum() for o in (candidate, naive, champion)]
        assert costs[0] < 0.5 * costs[1] < costs[2]


@pytest.mark.parametrize("bug", ["inches", "swapped-costs"])
def test_a_faithful_export_of_a_bad_model_loses_money(trained: Path, tmp_path: Path, bug: str) -> None:
    table = rows(trained / "build/features.csv")
    params = {
        "kind": "trees", "trees": 150, "depth": 3, "learning_rate": 0.06, "min_leaf": 12, "level_days": 0,
        "bug": bug,
    }  # fmt: skip
    model, _ = learn.fit([r for r in table if r["split"] == "train"], params)
    test = [r for r in table if r["split"] == "test"]
    sold = learn.column(test, "sold")
    good = json.loads((trained / "build/metrics.json").read_text())["cost_eur"]
    assert learn.costs(model.predict(learn.frame(test)), sold).sum() > 2.5 * good


def test_level_scales_every_answer() -> None:
    table = [
        {
            "rain_forecast_mm": str(k % 9),
            "weekday": product.WEEKDAYS[k % 7],
            "month": "3",
            "sold": str(50 * (1 + (k >= 60))),
        }
        for k in range(80)
    ]
    for kind in ("trees", "linear"):
        params = {"kind": kind, "trees": 20, "depth": 2, "learning_rate": 0.1, "min_leaf": 5, "bug": "none"}
        plain, _ = learn.fit(table[:60], params | {"level_days": 0})
        scaled, level = learn.fit(table, params | {"level_days": 20})
        assert level == pytest.approx(2.0, rel=0.01)
        assert scaled.predict(learn.frame(table)) == pytest.approx(
            level * plain.predict(learn.frame(table)), rel=1e-6
        )
