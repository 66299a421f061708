"""The workspace: parameters and declared paths, from files alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml

from ._errors import WorkspaceError

PARAMS_VARIABLE = "PARAPLU_PARAMS"
PRODUCT_FILE = "paraplu.yaml"


def params(path: str | Path = "params.yaml") -> dict[str, Any]:
    """The parameters of this execution as nested dictionaries.

    If the environment variable PARAPLU_PARAMS names a file, that file wins: the pipeline writes
    it with the overrides of the execution. Otherwise `path` is read, relative to the working
    directory. Raises WorkspaceError if the file is missing or is not a mapping.
    """
    chosen = os.environ.get(PARAMS_VARIABLE) or path
    return _mapping(Path(chosen))


def declared_path(root: Path, name: str, product: str | None) -> Path:
    """The path of a dataset that paraplu.yaml declares, relative to the working directory where possible."""
    spec = _mapping(root / PRODUCT_FILE)
    found = (spec.get("product") or {}).get("name")
    if product is not None and product != found:
        raise WorkspaceError(
            f"{root / PRODUCT_FILE} is the product {found!r}, not {product!r}: change the directory"
        )
    declared = spec.get("data") or {}
    entry = declared.get(name)
    if not isinstance(entry, dict) or not entry.get("path"):
        known = ", ".join(sorted(declared)) or "none"
        raise WorkspaceError(f"{root / PRODUCT_FILE}: no dataset {name!r} with a path; declared: {known}")
    path = root / str(entry["path"])
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def find_root(start: Path) -> Path:
    for folder in (start, *start.parents):
        if (folder / PRODUCT_FILE).is_file():
            return folder
    raise WorkspaceError(f"no {PRODUCT_FILE} in {start} or above: run in the workspace of a product")


def _mapping(path: Path) -> dict[str, Any]:
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WorkspaceError(f"{path}: no such file (working directory {Path.cwd()})") from None
    except yaml.YAMLError as e:
        raise WorkspaceError(f"{path}: not valid YAML: {e}") from e
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise WorkspaceError(f"{path}: expected a mapping of names to values, found {type(loaded).__name__}")
    return loaded
