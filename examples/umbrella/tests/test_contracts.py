from __future__ import annotations

import csv
import importlib.resources
import json
from datetime import date

import pytest
import yaml
from conftest import HERE

import simulate

NAMES = ("weather", "forecasts", "sales")


def contract(name: str) -> dict:
    return yaml.safe_load((HERE / f"contracts/{name}.odcs.yaml").read_text())


@pytest.mark.parametrize("name", NAMES)
def test_is_valid_odcs(name: str) -> None:
    """Against the JSON Schema of ODCS v3.1.0, from the package open-data-contract-standard 3.1.2."""
    jsonschema = pytest.importorskip("jsonschema")
    pytest.importorskip("open_data_contract_standard")
    schema = json.loads(
        (importlib.resources.files("open_data_contract_standard") / "schema.json").read_text()
    )
    assert "v3.1.0" in schema["properties"]["apiVersion"]["enum"]
    jsonschema.Draft201909Validator(schema).validate(contract(name))


@pytest.mark.parametrize("name", NAMES)
def test_describes_the_columns_and_ranges_of_the_delivery(name: str) -> None:
    lines = getattr(
        simulate, {"weather": "weather_lines", "forecasts": "forecast_lines", "sales": "sales_lines"}[name]
    )
    rows = list(csv.DictReader(lines(date(2016, 1, 1))))
    columns = contract(name)["schema"][0]["properties"]
    assert [c["name"] for c in columns] == list(rows[0])
    for c in columns:
        if c["logicalType"] in ("number", "integer"):
            values = [float(r[c["name"]]) for r in rows]
            limits = c["logicalTypeOptions"]
            assert limits["minimum"] <= min(values) and max(values) <= limits["maximum"]
            assert any(p["property"] == "unit" for p in c["customProperties"])


def test_a_winter_delivery_in_fahrenheit_stays_in_range_but_not_in_the_unit_check() -> None:
    """The reason for the check of the newest 28 days: 41 degF looks like a possible 41 degC."""
    import statistics

    rows = list(csv.DictReader(simulate.corrupt(simulate.weather_lines(date(2015, 1, 29)), "fahrenheit")))
    newest = [float(r["temp_max"]) for r in rows[-28:]]
    recent = next(c for c in contract("weather")["schema"][0]["properties"] if c["name"] == "temp_max")
    low, high = recent["quality"][1]["mustBeBetween"]
    assert sum(t <= recent["logicalTypeOptions"]["maximum"] for t in newest) > 0
    assert not low <= statistics.median(newest) <= high
    real = list(csv.DictReader(simulate.weather_lines(date(2016, 1, 1))))
    for n in range(28, len(real)):  # and it never fires on real data
        assert low <= statistics.median(float(r["temp_max"]) for r in real[n - 28 : n]) <= high
