"""Parity rows: the questions that show whether a converted model is still the same model.

Rows, in this order: a sample of the given rows; each numeric input at its minimum, maximum and
zero, each nullable input missing, each string input with a category never seen; and, for tree
models, each numeric input at every threshold and one unit in the last place (float32) beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict

import numpy as np

from ._errors import ExportError

Row = dict[str, Any]
UNSEEN = "never seen before"
NUMERIC = ("float", "double", "long", "integer")
TYPES = (*NUMERIC, "string", "boolean")


class InputSpec(TypedDict, total=False):
    """One input column of a model, of shape [rows, 1].

    type: float (32 bit), double, long (64 bit), integer (32 bit), string or boolean.
    unit: of measure, such as "mm". min, max: the range that a request may have. nullable: a
    request may leave it out (numeric inputs of type float or double). categories: of a string.
    """

    type: str
    unit: str
    min: float
    max: float
    nullable: bool
    categories: Sequence[str]


def check_specs(inputs: Mapping[str, InputSpec], columns: Iterable[str]) -> None:
    """Refuse a specification that contradicts itself or the columns of X; raises ExportError."""
    if not inputs:
        raise ExportError("inputs is empty: name every column that the model reads")
    missing = [name for name in inputs if name not in set(columns)]
    if missing:
        raise ExportError(
            f"X has no column {', '.join(missing)}, which inputs declares; X has {', '.join(columns)}"
        )
    for name, spec in inputs.items():
        kind = spec.get("type")
        if kind not in TYPES:
            raise ExportError(f"input {name!r}: type {kind!r} is not one of {', '.join(TYPES)}")
        if spec.get("nullable") and kind not in ("float", "double"):
            raise ExportError(f"input {name!r}: only float and double can be nullable, not {kind}")
        low, high = spec.get("min"), spec.get("max")
        if low is not None and high is not None and low > high:
            raise ExportError(f"input {name!r}: min {low} is greater than max {high}")


def value(raw: Any, spec: InputSpec) -> Any:
    """A value as the ONNX model will see it, as a plain Python value; None if it is missing."""
    kind = spec["type"]
    if kind == "string":
        return str(raw)
    if kind == "boolean":
        return bool(raw)
    if raw is None or raw != raw:
        return None
    if kind == "float":
        return float(np.float32(raw))
    return float(raw) if kind == "double" else int(raw)


def rows(
    table: Mapping[str, Sequence[Any]],
    inputs: Mapping[str, InputSpec],
    thresholds: Mapping[str, Sequence[float]],
    sample: int,
    cap: int,
) -> list[Row]:
    """Distinct parity rows; `sample` given rows, evenly spread, and at most `cap` thresholds an input."""
    count = len(next(iter(table.values())))
    if count == 0:
        raise ExportError("X has no rows: parity needs examples")
    picks = np.unique(np.linspace(0, count - 1, min(sample, count)).round().astype(int))
    given = [{n: value(table[n][i], s) for n, s in inputs.items()} for i in picks]
    typical = given[len(given) // 2]
    found = [*given, *_edges(typical, inputs, table), *_at_thresholds(given, inputs, thresholds, cap)]
    distinct: dict[tuple[Any, ...], Row] = {}
    for row in found:
        distinct.setdefault(tuple(row.values()), row)
    return list(distinct.values())


def _edges(typical: Row, inputs: Mapping[str, InputSpec], table: Mapping[str, Sequence[Any]]) -> list[Row]:
    out: list[Row] = []
    for name, spec in inputs.items():
        if spec["type"] in NUMERIC:
            present = [v for v in (value(x, spec) for x in table[name]) if v is not None]
            observed = [min(present), max(present)] if present else []
            candidates: list[Any] = [spec.get("min"), spec.get("max"), *observed]
            if spec.get("min", 0) <= 0 <= spec.get("max", 0):
                candidates.append(0)
            out += [{**typical, name: value(c, spec)} for c in candidates if c is not None]
        if spec.get("nullable"):
            out.append({**typical, name: None})
        if spec["type"] == "string":
            out += [{**typical, name: c} for c in (*spec.get("categories", ()), UNSEEN)]
        if spec["type"] == "boolean":
            out += [{**typical, name: b} for b in (False, True)]
    nullable = {n: None for n, s in inputs.items() if s.get("nullable")}
    return [*out, {**typical, **nullable}] if nullable else out


def _at_thresholds(
    given: Sequence[Row], inputs: Mapping[str, InputSpec], thresholds: Mapping[str, Sequence[float]], cap: int
) -> list[Row]:
    out: list[Row] = []
    for name, spec in inputs.items():
        points = np.unique(np.asarray(thresholds.get(name, ()), dtype=np.float32))
        if len(points) > cap:
            points = points[np.linspace(0, len(points) - 1, cap).round().astype(int)]
        for n, point in enumerate(points):
            base = given[(n * 7) % len(given)]  # not always the same other values
            if spec["type"] in ("long", "integer"):
                beside: list[Any] = [int(np.floor(point)), int(np.floor(point)) + 1]
            else:
                below, above = (np.nextafter(point, np.float32(to)) for to in (-np.inf, np.inf))
                beside = [float(below), float(point), float(above)]
            out += [{**base, name: v} for v in beside]
    return out
