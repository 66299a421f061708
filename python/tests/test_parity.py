from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import paraplu
import pytest
from conftest import INPUTS
from paraplu import _parity

TABLE: dict[str, Sequence[Any]] = {
    "rain": [0.5, float("nan"), 7.0],
    "weekday": ["Mon", "Tue", "Mon"],
    "month": [1, 2, 3],
}


def test_rows_hold_what_breaks_conversions() -> None:
    rows = _parity.rows(TABLE, INPUTS, {"rain": [1.25], "month": [6.5]}, sample=3, cap=10)
    rain = {r["rain"] for r in rows}
    t = np.float32(1.25)
    below, above = (float(np.nextafter(t, np.float32(to))) for to in (-np.inf, np.inf))
    assert {0.0, 300.0, 0.5, 7.0, 1.25, below, above, None} <= rain
    assert below < 1.25 < above
    assert {r["weekday"] for r in rows} == {"Mon", "Tue", "Wed", _parity.UNSEEN}
    assert {1, 12, 6, 7} <= {r["month"] for r in rows}


def test_rows_are_distinct_and_repeatable() -> None:
    first, second = (_parity.rows(TABLE, INPUTS, {}, sample=50, cap=10) for _ in range(2))
    assert first == second
    assert len({tuple(r.values()) for r in first}) == len(first)


def test_thresholds_are_capped() -> None:
    many = {"rain": [float(n) for n in range(1000)]}
    plain = _parity.rows(TABLE, INPUTS, {}, sample=3, cap=10)
    assert len(_parity.rows(TABLE, INPUTS, many, sample=3, cap=10)) <= len(plain) + 30


def test_float_values_are_what_float32_can_hold() -> None:
    assert _parity.value(0.1, {"type": "float"}) == float(np.float32(0.1)) != 0.1
    assert _parity.value(0.1, {"type": "double"}) == 0.1
    assert _parity.value(float("nan"), {"type": "float"}) is None


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({}, "inputs is empty"),
        ({"snow": {"type": "float"}}, "X has no column snow"),
        ({"rain": {"type": "text"}}, "type 'text' is not one of"),
        ({"month": {"type": "long", "nullable": True}}, "only float and double can be nullable"),
        ({"rain": {"type": "float", "min": 5, "max": 1}}, "min 5 is greater than max 1"),
    ],
)
def test_wrong_specifications_are_refused(inputs: dict[str, paraplu.InputSpec], words: str) -> None:
    with pytest.raises(paraplu.ExportError, match=words):
        _parity.check_specs(inputs, list(TABLE))
