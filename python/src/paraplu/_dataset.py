"""Datasets: the path that paraplu.yaml declares, or a verified read-only copy of one version."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path, PosixPath
from typing import TYPE_CHECKING, Any

from ._errors import WorkspaceError
from ._workspace import declared_path, find_root

if TYPE_CHECKING:
    import pandas

PROGRAM_VARIABLE = "PARAPLU_BIN"


class Dataset(PosixPath):
    """The path of a dataset: a file, or the folder of its files. It is a Path and can be used as one.

    `version` is the number and `digest` the digest of the version, or None for what lies at the declared
    path. `open()` opens the one file; of a folder, open `dataset / "part.csv"`.
    """

    version: int | None = None
    digest: str | None = None

    @property
    def files(self) -> list[Path]:
        """The files, sorted by name: the file itself, or all files below the folder."""
        here = Path(self)
        if not here.is_dir():
            return [here]
        return sorted(p for p in here.rglob("*") if p.is_file())

    def pandas(self, **options: Any) -> pandas.DataFrame:
        """The table as a pandas DataFrame; several files of one format are put one below the other.

        CSV, TSV, JSON lines and Parquet. `options` go to the reader of pandas. Raises WorkspaceError when
        pandas is not installed or a file is no table.
        """
        pd = _installed("pandas")
        readers = {
            ".csv": pd.read_csv,
            ".tsv": lambda f, **o: pd.read_csv(f, sep="\t", **o),
            ".jsonl": lambda f, **o: pd.read_json(f, lines=True, **o),
            ".ndjson": lambda f, **o: pd.read_json(f, lines=True, **o),
            ".parquet": pd.read_parquet,
        }
        tables = [_reader(f, readers)(f, **options) for f in self.files]
        frame: pandas.DataFrame = tables[0] if len(tables) == 1 else pd.concat(tables, ignore_index=True)
        return frame

    def polars(self, **options: Any) -> Any:
        """The table as a polars DataFrame; as `pandas`, with the readers of polars."""
        pl = _installed("polars")
        readers = {
            ".csv": pl.read_csv,
            ".tsv": lambda f, **o: pl.read_csv(f, separator="\t", **o),
            ".jsonl": pl.read_ndjson,
            ".ndjson": pl.read_ndjson,
            ".parquet": pl.read_parquet,
        }
        tables = [_reader(f, readers)(f, **options) for f in self.files]
        return tables[0] if len(tables) == 1 else pl.concat(tables)


def dataset(name: str, product: str | None = None) -> Dataset:
    """The dataset `name` of the product around the working directory.

    `dataset("weather")` is the path that paraplu.yaml declares, relative to the working directory where
    possible; nothing need lie there yet. `dataset("weather@v3")` is a read-only copy of that version, every
    byte verified, made in the workspace when it is not there; any name of a version is understood:
    `@v3`, `@gold`, `@2015-06-01`, `@latest`, a digest. No server is needed, but for a version the program
    `paraplu`: from the variable PARAPLU_BIN, else from PATH. `product`, if given, must be the name of the
    product found. Raises WorkspaceError.
    """
    base, _, version = name.partition("@")
    root = find_root(Path.cwd())
    if not version:
        return Dataset(declared_path(root, base, product))
    declared_path(root, base, product)
    answer = _ask("data", "get", name, "--home", str(root), "--json")
    found = Dataset(answer["path"])
    found.version, found.digest = int(answer["version"]), str(answer["digest"])
    return found


def _ask(*arguments: str) -> dict[str, Any]:
    program = os.environ.get(PROGRAM_VARIABLE) or shutil.which("paraplu")
    if not program:
        raise WorkspaceError(
            "a version of a dataset needs the program paraplu: "
            f"put it on PATH, or name it in {PROGRAM_VARIABLE}"
        )
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer
    try:
        error = json.loads(done.stderr)["error"]
    except (ValueError, KeyError):
        raise WorkspaceError(f"{program} {' '.join(arguments)}: {done.stderr.strip()}") from None
    hint = f"; try: {error['hint']}" if error.get("hint") else ""
    raise WorkspaceError(f"{error['message']}{hint}")


def _installed(module: str) -> Any:
    try:
        return __import__(module)
    except ImportError:
        raise WorkspaceError(f"{module} is not installed: {sys.executable} -m pip install {module}") from None


def _reader(file: Path, readers: dict[str, Any]) -> Any:
    try:
        return readers[file.suffix.lower()]
    except KeyError:
        raise WorkspaceError(f"{file} is no table; tables are: {', '.join(readers)}") from None
