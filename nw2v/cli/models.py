"""The argument MODEL of the commands: a run's output folder, an MLflow run, or a vectors file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nw2v.errors import InputError

if TYPE_CHECKING:
    from nw2v.vectors import WordVectors

MODEL_HELP = "a run's output folder, an MLflow run id, or a vectors file"


def open_vectors(model: str, kind: str = "center") -> WordVectors:
    """Read the vectors of a model.

    Parameters
    ----------
    model : str
        What the user gave as MODEL.
    kind : {"center", "outside", "sum"}
        Which vectors of a run; a vectors file has only those it was exported with.

    Raises
    ------
    InputError
        There is no such model, or it has no vectors of this kind.
    """
    from nw2v.vectors import WordVectors, vector_formats

    if Path(model).exists():
        return WordVectors.load(model, vectors=kind)
    from nw2v.tracking.runs import find_model_folder, is_run_id

    if is_run_id(model):
        return WordVectors.load(find_model_folder(model), vectors=kind)
    raise InputError(f"no model '{model}': expected {MODEL_HELP} ({', '.join(vector_formats())})")
