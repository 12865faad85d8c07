"""The two files that hold a trained model: `model.safetensors` and `vocabulary.tsv`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nw2v.errors import InputError
from nw2v.vectors.path_kinds import is_file
from nw2v.vectors.safetensors_file import read_tensors, write_tensors
from nw2v.vectors.table import check_finite

if TYPE_CHECKING:
    from nw2v.corpus.vocabulary import Vocabulary

MODEL_FILE = "model.safetensors"
VOCABULARY_FILE = "vocabulary.tsv"
_FLOATS = ("F16", "F32", "F64")


class SavedModel(NamedTuple):
    """What a run's folder holds.

    Attributes
    ----------
    center_vectors, outside_vectors : (V, d) float32
    vocabulary : Vocabulary
        The words and counts, by id.
    """

    center_vectors: np.ndarray
    outside_vectors: np.ndarray
    vocabulary: Vocabulary

    def table(self, which: str) -> np.ndarray:
        """Return the center or outside vectors or their sum, (V, d) float32."""
        if which == "center":
            return self.center_vectors
        if which == "outside":
            return self.outside_vectors
        if which == "sum":
            return self.center_vectors + self.outside_vectors
        raise InputError(f"vectors is {which!r}; expected center, outside or sum")


def save_model(
    folder: str | os.PathLike[str],
    center_vectors: np.ndarray,
    outside_vectors: np.ndarray,
    vocabulary: Vocabulary,
) -> None:
    """Write a model's two files into `folder`, which is made if need be.

    Parameters
    ----------
    folder : path-like
    center_vectors, outside_vectors : (V, d) float32
    vocabulary : Vocabulary
        Of V words.

    Raises
    ------
    InputError
        If the shapes do not fit each other or the folder cannot be written.
    """
    folder = Path(folder)
    tables = {
        name: np.ascontiguousarray(array, dtype=np.float32)
        for name, array in (
            ("center_vectors", center_vectors),
            ("outside_vectors", outside_vectors),
        )
    }
    for name, array in tables.items():
        if array.ndim != 2 or len(array) != len(vocabulary):
            raise InputError(
                f"{name} has shape {array.shape}; expected ({len(vocabulary)}, d), "
                "a row for each word of the vocabulary"
            )
    if tables["center_vectors"].shape != tables["outside_vectors"].shape:
        raise InputError(
            f"center_vectors {tables['center_vectors'].shape} and outside_vectors "
            f"{tables['outside_vectors'].shape} differ in shape"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror or error}") from error
    # The vocabulary first: a folder that has model.safetensors then has both.
    vocabulary.save(folder / VOCABULARY_FILE)
    write_tensors(folder / MODEL_FILE, tables)


def load_model(folder: str | os.PathLike[str]) -> SavedModel:
    """Read the model in a run's folder.

    Raises
    ------
    InputError
        If a file is missing or damaged, or the two do not belong together.
    """
    from nw2v.corpus.vocabulary import Vocabulary

    folder = Path(folder)
    path = folder / MODEL_FILE
    for needed in (path, folder / VOCABULARY_FILE):
        if not is_file(needed):
            raise InputError(
                f"{folder}: no {needed.name} in it; expected the output folder of a finished run"
            )
    tensors = read_tensors(path, {"center_vectors": _FLOATS, "outside_vectors": _FLOATS})
    vocabulary = Vocabulary.load(folder / VOCABULARY_FILE)
    center_vectors, outside_vectors = tensors["center_vectors"], tensors["outside_vectors"]
    if center_vectors.ndim != 2 or center_vectors.shape != outside_vectors.shape:
        raise InputError(
            f"{path}: center_vectors {center_vectors.shape} and outside_vectors "
            f"{outside_vectors.shape}; expected both (V, d)"
        )
    if len(vocabulary) != len(center_vectors):
        raise InputError(
            f"{folder}: {VOCABULARY_FILE} has {len(vocabulary):,} words, {MODEL_FILE} "
            f"{len(center_vectors):,} rows; they are not from the same run"
        )
    for name, array in tensors.items():
        check_finite(array, vocabulary.words, f"{path}, {name}")
    return SavedModel(center_vectors, outside_vectors, vocabulary)
