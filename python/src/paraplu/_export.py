"""Export: a fitted pipeline becomes a folder that is served as it is, with its own proof."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from ._errors import ExportError, ParityError
from ._parity import InputSpec, Row

Files = dict[str, bytes]
TENSORS = {
    "float": "float32",
    "double": "float64",
    "long": "int64",
    "integer": "int32",
    "boolean": "bool",
    "string": "object",
}
LIBRARIES = ("numpy", "onnx", "onnxruntime", "pandas", "scikit-learn", "skl2onnx")


@dataclass(frozen=True)
class Exported:
    """What an export wrote. `worst` is the largest difference found, None if it was not checked."""

    path: Path
    rows: int
    tolerance: dict[str, Any]
    worst: float | None

    def __str__(self) -> str:
        if self.worst is None:
            return f"{self.path}: {self.rows} parity rows; parity not checked, ONNX Runtime is not installed"
        kind, limit = self.tolerance["kind"], self.tolerance["limit"]
        return f"{self.path}: {self.rows} parity rows agree, worst {kind} {self.worst:.1e}, limit {limit:.0e}"


def export(
    model: Any,
    X: Any,
    out_dir: str | Path,
    *,
    inputs: Mapping[str, InputSpec],
    output: str,
    name: str,
    unit: str = "",
    minimum: float | None = None,
    tolerance: Mapping[str, Any] | None = None,
    sample: int = 200,
    max_thresholds: int = 64,
) -> Exported:
    """Write a fitted scikit-learn regressor (usually a Pipeline) as an export folder.

    model: predicts one number a row from a DataFrame with the columns of `inputs`.
    X: training or hold-out rows (a DataFrame, or a mapping of name to sequence) to sample from.
    inputs: name -> InputSpec, in the order of the signature; each is one ONNX input [rows, 1].
    output, unit, minimum: name of the answer, its unit and smallest value.
    tolerance: {"kind": "max_abs" | "max_rel", "limit": number}; the default is max_rel 1e-4 for
    trees and 1e-5 otherwise. max_rel is |difference| / max(|expected|, 1).
    sample, max_thresholds: how many given rows, and how many tree thresholds an input, to record.

    The folder is replaced as a whole; the same arguments give the same bytes. Raises ExportError
    (wrong specification, not convertible) or ParityError (the conversion answers differently);
    then nothing is written.
    """
    from . import _convert, _parity

    table = {c: list(X[c]) for c in X}
    _parity.check_specs(inputs, list(table))
    typical: Row = {n: _parity.value(_first_present(table[n]), s) for n, s in inputs.items()}
    splits = _convert.thresholds(model, inputs, typical)
    rows = _parity.rows(table, inputs, splits, sample, max_thresholds)
    rows, expected = _answers(model, rows, inputs)
    limit = dict(tolerance or {"kind": "max_rel", "limit": 1e-4 if splits else 1e-5})
    if limit.get("kind") not in ("max_abs", "max_rel"):
        raise ExportError(f"tolerance kind {limit.get('kind')!r} is not max_abs or max_rel")
    proto = _convert.to_onnx(model, name, output, inputs)
    graph = proto.SerializeToString(deterministic=True)
    worst = _check(graph, rows, expected, inputs, output, limit)
    files = _files(graph, rows, expected, inputs, output, unit, minimum, limit)
    _replace(Path(out_dir), files)
    return Exported(Path(out_dir), len(rows), limit, worst)


def _first_present(values: Sequence[Any]) -> Any:
    for v in values:
        if v is not None and v == v:
            return v
    raise ExportError("a column of X has no value at all")


def _answers(model: Any, rows: list[Row], inputs: Mapping[str, InputSpec]) -> tuple[list[Row], list[float]]:
    """The original model's answers; rows with an unseen category are left out if it refuses them."""
    from . import _convert, _parity

    try:
        predicted = model.predict(_convert.frame(rows, inputs))
    except ValueError:
        rows = [r for r in rows if _parity.UNSEEN not in r.values()]
        predicted = model.predict(_convert.frame(rows, inputs))
    if len(predicted.shape) == 2 and predicted.shape[1] == 1:
        predicted = predicted[:, 0]
    if len(predicted.shape) != 1 or predicted.dtype.kind not in "fiu":
        raise ExportError("only regressors with one numeric output can be exported")
    answers = [float(p) for p in predicted]
    for row, answer in zip(rows, answers, strict=True):
        if answer != answer or abs(answer) == float("inf"):
            raise ExportError(f"the model answers {answer} to {json.dumps(row)}: it must answer a number")
    return rows, answers


def _check(
    graph: bytes,
    rows: Sequence[Row],
    expected: Sequence[float],
    inputs: Mapping[str, InputSpec],
    output: str,
    tolerance: Mapping[str, Any],
) -> float | None:
    """The largest difference between ONNX Runtime and the original, None without ONNX Runtime."""
    try:
        import onnxruntime as ort
    except ImportError:
        return None
    from . import _convert

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    answers = session.run([output], _convert.feed(rows, inputs))[0].reshape(-1)
    worst, at = 0.0, 0
    for i, (got, want) in enumerate(zip(answers, expected, strict=True)):
        difference = abs(float(got) - want)
        if tolerance["kind"] == "max_rel":
            difference /= max(abs(want), 1.0)
        if not difference <= worst:  # also when it is not a number
            worst, at = difference, i
    if not worst <= tolerance["limit"]:
        raise ParityError(
            f"the converted model differs from the original: {tolerance['kind']} {worst:.3g} is above "
            f"the limit {tolerance['limit']:.3g}. Worst row {at + 1} of {len(rows)}: {json.dumps(rows[at])}, "
            f"original {expected[at]!r}, ONNX {float(answers[at])!r}. Nothing was written."
        )
    return worst


def _files(
    graph: bytes,
    rows: Sequence[Row],
    expected: Sequence[float],
    inputs: Mapping[str, InputSpec],
    output: str,
    unit: str,
    minimum: float | None,
    tolerance: Mapping[str, Any],
) -> Files:
    answer: dict[str, Any] = {"name": output, "type": "float", "unit": unit}
    if minimum is not None:
        answer["min"] = minimum
    signature = {
        "inputs": [{"name": n, **_ordered(s)} for n, s in inputs.items()],
        "outputs": [answer],
        "tolerance": {output: dict(tolerance)},
        "framework": f"scikit-learn {metadata.version('scikit-learn')}",
    }
    parity = [
        json.dumps({"inputs": r, "outputs": {output: e}}, allow_nan=False, separators=(",", ":"))
        for r, e in zip(rows, expected, strict=True)
    ]
    example = {"columns": list(inputs), "data": [[rows[0][n] for n in inputs]]}
    files = {
        "model.onnx": graph,
        "parity.jsonl": ("\n".join(parity) + "\n").encode(),
        "signature.json": _json(signature),
        "input_example.json": _json(example),
        "requirements.txt": "".join(f"{n}=={v}\n" for n, v in _versions().items()).encode(),
    }
    files["MLmodel"] = _mlmodel(files, inputs, output)
    return files


def _ordered(spec: InputSpec) -> dict[str, Any]:
    keys = ("type", "nullable", "min", "max", "unit", "categories")
    out: dict[str, Any] = {k: spec[k] for k in keys if k in spec}  # type: ignore[literal-required]
    out.setdefault("nullable", False)
    if "categories" in out:
        out["categories"] = list(out["categories"])
    return out


def _versions() -> dict[str, str]:
    found = {}
    for library in LIBRARIES:
        try:
            found[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    return found


def _mlmodel(files: Files, inputs: Mapping[str, InputSpec], output: str) -> bytes:
    """The MLflow description: flavours onnx and python_function. Its id is a digest, not a random one."""
    import yaml

    digest = hashlib.sha256(b"".join(files[n] for n in sorted(files))).hexdigest()
    columns = [_tensor(n, TENSORS[spec["type"]]) for n, spec in inputs.items()]
    answers = [_tensor(output, "float32")]
    described = {
        "flavors": {
            "onnx": {
                "code": None,
                "data": "model.onnx",
                "onnx_version": metadata.version("onnx"),
                "providers": ["CPUExecutionProvider"],
            },
            "python_function": {
                "data": "model.onnx",
                "loader_module": "mlflow.onnx",
                "python_version": platform.python_version(),
            },
        },
        "model_uuid": uuid.UUID(digest[:32]).hex,
        "saved_input_example_info": {
            "artifact_path": "input_example.json",
            "pandas_orient": "split",
            "type": "dataframe",
        },
        "signature": {"inputs": json.dumps(columns), "outputs": json.dumps(answers), "params": None},
    }
    return yaml.safe_dump(described, sort_keys=True, width=1000).encode()


def _tensor(name: str, dtype: str) -> dict[str, Any]:
    """An MLflow tensor of shape [rows, 1]: with it MLflow feeds a DataFrame to the graph column by column."""
    return {"name": name, "type": "tensor", "tensor-spec": {"dtype": dtype, "shape": [-1, 1]}}


def _json(document: Any) -> bytes:
    return (json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _replace(folder: Path, files: Files) -> None:
    """Put the files in place of the folder: complete beside it first, then two renames."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh, old = (folder.with_name(f".{folder.name}.{kind}.{os.getpid()}") for kind in ("new", "old"))
    for leftover in folder.parent.glob(f".{folder.name}.*.*"):
        shutil.rmtree(leftover, ignore_errors=True)
    fresh.mkdir()
    for path, data in files.items():
        (fresh / path).write_bytes(data)
    if folder.exists():
        os.replace(folder, old)
    os.replace(fresh, folder)
    shutil.rmtree(old, ignore_errors=True)
