from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import paraplu
import pytest
from conftest import INPUTS, fitted, table

pytest.importorskip("skl2onnx")
ort = pytest.importorskip("onnxruntime")

FILES = {"model.onnx", "parity.jsonl", "signature.json", "input_example.json", "requirements.txt", "MLmodel"}


def write(folder: Path, kind: str = "trees", **options: Any) -> paraplu.Exported:
    arguments: dict[str, Any] = {
        "inputs": INPUTS,
        "output": "order",
        "unit": "pieces",
        "name": "demo",
        "minimum": 0,
    }
    return paraplu.export(fitted(kind), table(), folder, **(arguments | options))


def contents(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir()}


@pytest.mark.parametrize("kind", ["trees", "linear", "forest"])
def test_onnx_runtime_gives_the_recorded_answers(tmp_path: Path, kind: str) -> None:
    done = write(tmp_path / "export", kind)
    assert {p.name for p in (tmp_path / "export").iterdir()} == FILES
    assert done.worst is not None and done.worst <= done.tolerance["limit"]
    rows = [json.loads(line) for line in (tmp_path / "export/parity.jsonl").read_text().splitlines()]
    assert len(rows) == done.rows > 100
    session = ort.InferenceSession(tmp_path / "export/model.onnx", providers=["CPUExecutionProvider"])
    assert [(i.name, i.shape[1]) for i in session.get_inputs()] == [(n, 1) for n in INPUTS]
    for row in rows[:: max(1, len(rows) // 40)]:
        i = row["inputs"]
        feed = {
            "rain": np.array([[np.nan if i["rain"] is None else i["rain"]]], np.float32),
            "weekday": np.array([[i["weekday"]]], object),
            "month": np.array([[i["month"]]], np.int64),
        }
        assert session.run(["order"], feed)[0][0, 0] == pytest.approx(row["outputs"]["order"], rel=1e-4)


@pytest.mark.parametrize("kind", ["trees", "linear", "forest"])
def test_same_model_same_bytes_in_any_process(tmp_path: Path, kind: str) -> None:
    code = (
        "import sys; from pathlib import Path; import test_export;"
        f"test_export.write(Path(sys.argv[1]), {kind!r})"
    )
    for seed in ("1", "2", "3"):
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parent)}
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code, tmp_path / seed], env=environment, check=True
        )
    assert contents(tmp_path / "1") == contents(tmp_path / "2") == contents(tmp_path / "3")


def test_tree_rows_stand_on_both_sides_of_thresholds(tmp_path: Path) -> None:
    write(tmp_path / "export")
    rain = sorted(
        {
            json.loads(line)["inputs"]["rain"]
            for line in (tmp_path / "export/parity.jsonl").read_text().splitlines()
            if json.loads(line)["inputs"]["rain"] is not None
        }
    )
    neighbours = sum(float(np.nextafter(np.float32(a), np.float32(np.inf))) == b for a, b in pairwise(rain))
    assert neighbours >= 10


def test_signature(tmp_path: Path) -> None:
    write(tmp_path / "export")
    signature = json.loads((tmp_path / "export/signature.json").read_text())
    assert signature["inputs"][0] == {
        "name": "rain", "type": "float", "nullable": True, "min": 0, "max": 300, "unit": "mm",
    }  # fmt: skip
    assert signature["inputs"][1]["categories"] == ["Mon", "Tue", "Wed"]
    assert signature["outputs"] == [{"name": "order", "type": "float", "unit": "pieces", "min": 0}]
    assert signature["tolerance"] == {"order": {"kind": "max_rel", "limit": 1e-4}}
    assert signature["framework"].startswith("scikit-learn 1.")


def test_a_conversion_that_differs_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(
        paraplu.ParityError, match=r"differs from the original.*Worst row \d+ of \d+: \{.*rain"
    ) as e:
        write(tmp_path / "export", tolerance={"kind": "max_rel", "limit": 1e-12})
    assert "Nothing was written" in str(e.value)
    assert list(tmp_path.iterdir()) == []


def test_the_old_export_is_replaced_as_a_whole(tmp_path: Path) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "stale.bin").write_text("old")
    (tmp_path / ".export.new.1").mkdir()  # left by a process that was killed
    write(folder)
    assert {p.name for p in folder.iterdir()} == FILES
    assert [p.name for p in tmp_path.iterdir()] == ["export"]


def test_without_onnx_runtime_it_says_that_it_did_not_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    done = write(tmp_path / "export")
    assert done.worst is None
    assert "not checked" in str(done)


def test_a_classifier_is_refused_in_words(tmp_path: Path) -> None:
    import pandas as pd
    from sklearn.tree import DecisionTreeClassifier

    model = DecisionTreeClassifier().fit(pd.DataFrame({"x": [0.0, 1.0]}), ["a", "b"])
    inputs: dict[str, paraplu.InputSpec] = {"x": {"type": "float"}}
    with pytest.raises(paraplu.ExportError, match="only regressors"):
        paraplu.export(model, {"x": [0.0, 1.0]}, tmp_path / "e", inputs=inputs, output="y", name="n")


def test_mlflow_loads_the_folder(tmp_path: Path) -> None:
    pyfunc = pytest.importorskip("mlflow.pyfunc")
    pd = pytest.importorskip("pandas")
    write(tmp_path / "export")
    model = pyfunc.load_model(str(tmp_path / "export"))
    row = json.loads((tmp_path / "export/parity.jsonl").read_text().splitlines()[0])
    answer = model.predict(pd.DataFrame([row["inputs"]]))["order"]
    assert float(np.ravel(answer)[0]) == pytest.approx(row["outputs"]["order"], rel=1e-4)
