"""Paraplu for Python: parameters, datasets and model export of a product; no server needed.

The three calls are `params`, `dataset` and `export`. Importing this package imports no heavy
library: numpy, pandas and ONNX are loaded by `export` alone.
"""

from __future__ import annotations

from ._dataset import Dataset, dataset
from ._errors import ExportError, ParityError, WorkspaceError
from ._export import Exported, export
from ._parity import InputSpec
from ._workspace import params

__all__ = [
    "Dataset",
    "ExportError",
    "Exported",
    "InputSpec",
    "ParityError",
    "WorkspaceError",
    "dataset",
    "export",
    "params",
]
__version__ = "0.1.0"
