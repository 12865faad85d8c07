"""The two files that hold a trained model: `model.safetensors` and `vocabulary.tsv`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nw2v.errors import InputError
from nw2v.vectors.path_kinds import is_file
from nw2v.vectors.safetensors_file import read_tensors, write_tensors
from nw2v.vectors.table import Table, check_finite

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
        name: np.asarray(array, dtype=np.float32)  # a copy only of another type
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
    return SavedModel(*_read(Path(folder), "center_vectors", "outside_vectors"))


def load_vectors(folder: str | os.PathLike[str], which: str = "center") -> Table:
    """Read the center or outside vectors of the model in a run's folder, or their sum.

    Parameters
    ----------
    folder : path-like
    which : {"center", "outside", "sum"}
        Only what is asked for is read and checked.

    Raises
    ------
    InputError
        If a file is missing or damaged, or the two do not belong together.
    """
    if which not in ("center", "outside", "sum"):
        raise InputError(f"vectors is {which!r}; expected center, outside or sum")
    if which == "sum":
        vectors, outside_vectors, vocabulary = load_model(folder)
        vectors += outside_vectors
    else:
        vectors, vocabulary = _read(Path(folder), f"{which}_vectors")
    return Table(vocabulary.words, vectors, vocabulary.counts)


def _read(folder: Path, *names: str) -> tuple[Any, ...]:
    """Read the named tensors of a model and, last, its vocabulary."""
    from nw2v.corpus.vocabulary import Vocabulary

    path = folder / MODEL_FILE
    for needed in (path, folder / VOCABULARY_FILE):
        if not is_file(needed):
            raise InputError(
                f"{folder}: no {needed.name} in it; expected the output folder of a finished run"
            )
    tensors = read_tensors(path, dict.fromkeys(names, _FLOATS))
    vocabulary = Vocabulary.load(folder / VOCABULARY_FILE)
    shapes = {array.shape for array in tensors.values()}
    if len(shapes) > 1 or len(next(iter(shapes))) != 2:
        found = " and ".join(f"{name} {array.shape}" for name, array in tensors.items())
        raise InputError(f"{path}: {found}; expected {'both ' if len(names) > 1 else ''}(V, d)")
    for name, array in tensors.items():
        if len(vocabulary) != len(array):
            raise InputError(
                f"{folder}: {VOCABULARY_FILE} has {len(vocabulary):,} words, {MODEL_FILE} "
                f"{len(array):,} rows; they are not from the same run"
            )
        check_finite(array, vocabulary.words, f"{path}, {name}")
    return *tensors.values(), vocabulary
