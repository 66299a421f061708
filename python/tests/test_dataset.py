"""Versions of datasets, with the real program: PARAPLU_BIN names it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import paraplu
import pytest

PRODUCT = "product: {name: umbrella}\ndata:\n  sales: {path: data/sales.csv}\n  parts: {path: parts}\n"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = os.environ.get("PARAPLU_BIN")
    if not program:
        if os.environ.get("PARAPLU_REQUIRE_BIN") == "1":
            pytest.fail("PARAPLU_BIN is not set")
        pytest.skip("PARAPLU_BIN names no program")
    monkeypatch.chdir(tmp_path)
    Path("paraplu.yaml").write_text(PRODUCT)
    for text in ("day,n\n2026-01-01,1\n", "day,n\n2026-01-01,1\n2026-01-02,2\n"):
        Path("new.csv").write_text(text)
        subprocess.run([program, "data", "add", "sales", "new.csv"], check=True, capture_output=True)
    Path("new").mkdir()
    Path("new/a.jsonl").write_text('{"n": 1}\n')
    Path("new/b.jsonl").write_text('{"n": 2}\n')
    subprocess.run([program, "data", "add", "parts", "new"], check=True, capture_output=True)
    return tmp_path


def test_a_version_is_a_read_only_copy(workspace: Path) -> None:
    first = paraplu.dataset("sales@v1")
    assert first.version == 1 and first.digest is not None and first.digest.startswith("sha256:")
    assert first.read_text() == "day,n\n2026-01-01,1\n"
    assert first.stat().st_mode & 0o222 == 0
    assert first.files == [Path(first)]
    with first.open() as f:
        assert f.readline() == "day,n\n"
    assert paraplu.dataset("sales@latest").read_text().count("\n") == 3


def test_a_damaged_copy_is_made_again(workspace: Path) -> None:
    path = paraplu.dataset("sales@v1")
    path.chmod(0o644)
    path.write_text("day,n\n2026-01-01,9\n")
    assert paraplu.dataset("sales@v1").read_text() == "day,n\n2026-01-01,1\n"


def test_tables(workspace: Path) -> None:
    pytest.importorskip("pandas")
    assert list(paraplu.dataset("sales@v2").pandas()["n"]) == [1, 2]
    parts = paraplu.dataset("parts@v1")
    assert [f.name for f in parts.files] == ["a.jsonl", "b.jsonl"]
    assert list(parts.pandas()["n"]) == [1, 2]
    assert list(paraplu.dataset("sales").pandas(nrows=1)["n"]) == [1]


def test_errors_say_what_to_do(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(paraplu.WorkspaceError, match=r"it has v1 to v2; try: paraplu data log"):
        paraplu.dataset("sales@v7")
    with pytest.raises(paraplu.WorkspaceError, match="no dataset 'slaes'"):
        paraplu.dataset("slaes@v1")
    monkeypatch.delenv("PARAPLU_BIN")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(paraplu.WorkspaceError, match="needs the program paraplu"):
        paraplu.dataset("sales@v1")


def test_what_is_no_table(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    (tmp_path / "a.png").write_bytes(b"x")
    with pytest.raises(paraplu.WorkspaceError, match="is no table"):
        paraplu.Dataset(tmp_path / "a.png").pandas()
