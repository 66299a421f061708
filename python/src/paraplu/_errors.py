"""Errors for people: what happened, where, and what to do next."""

from __future__ import annotations


class WorkspaceError(Exception):
    """paraplu.yaml or a parameter file is missing, unreadable or does not declare what was asked for."""


class ExportError(Exception):
    """A model cannot be exported: a wrong input specification, or an operator that ONNX has not."""


class ParityError(ExportError):
    """The converted model answers differently from the original beyond the tolerance."""
