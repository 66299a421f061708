from __future__ import annotations

from pathlib import Path

import paraplu
import pytest

PRODUCT = "product: {name: umbrella}\ndata:\n  sales: {path: data/sales.csv}\n"


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "paraplu.yaml").write_text(PRODUCT)
    (tmp_path / "params.yaml").write_text("train: {trees: 10}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PARAPLU_PARAMS", raising=False)
    return tmp_path


def test_params_reads_the_file() -> None:
    assert paraplu.params() == {"train": {"trees": 10}}


def test_params_of_the_execution_win(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (workspace / "effective.yaml").write_text("train: {trees: 99}\n")
    monkeypatch.setenv("PARAPLU_PARAMS", str(workspace / "effective.yaml"))
    assert paraplu.params() == {"train": {"trees": 99}}


def test_an_empty_params_file_has_no_parameters(workspace: Path) -> None:
    (workspace / "params.yaml").write_text("# nothing yet\n")
    assert paraplu.params() == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [("- a\n- b\n", "expected a mapping"), ("a: [1\n", "not valid YAML"), (None, "no such file")],
)
def test_bad_params_name_the_file(workspace: Path, text: str | None, words: str) -> None:
    path = workspace / "other.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(paraplu.WorkspaceError, match=words) as e:
        paraplu.params(path)
    assert str(path) in str(e.value)


def test_dataset_is_relative_to_the_working_directory() -> None:
    assert paraplu.dataset("sales") == Path("data/sales.csv")
    assert paraplu.dataset("sales", product="umbrella") == Path("data/sales.csv")


def test_dataset_is_found_from_a_folder_below(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (workspace / "notebooks").mkdir()
    monkeypatch.chdir(workspace / "notebooks")
    assert paraplu.dataset("sales").resolve() == (workspace / "data/sales.csv").resolve()


def test_unknown_dataset_lists_the_declared_ones() -> None:
    with pytest.raises(paraplu.WorkspaceError, match=r"no dataset 'sale' .*declared: sales"):
        paraplu.dataset("sale")


def test_another_product_is_refused() -> None:
    with pytest.raises(paraplu.WorkspaceError, match="is the product 'umbrella', not 'raincoat'"):
        paraplu.dataset("sales", product="raincoat")


def test_outside_of_a_workspace(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    with pytest.raises(paraplu.WorkspaceError, match=r"no paraplu\.yaml"):
        paraplu.dataset("sales")


def test_import_is_light() -> None:
    import subprocess
    import sys

    code = (
        "import sys, paraplu; print([m for m in ('pandas', 'sklearn', 'onnx', 'mlflow') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
