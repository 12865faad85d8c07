"""A run's folder: model.safetensors and vocabulary.tsv."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from safetensors.numpy import load_file, save_file

from nw2v.corpus.vocabulary import Vocabulary
from nw2v.errors import InputError
from nw2v.vectors import WordVectors, load_model, save_model

WORDS, COUNTS = ("the", "Köln", "家"), np.array([9, 5, 5])
CENTER = np.arange(6, dtype=np.float32).reshape(3, 2)
OUTSIDE = -2 * CENTER + 1


@pytest.fixture
def vocabulary():
    return Vocabulary(WORDS, COUNTS)


@pytest.fixture
def folder(tmp_path, vocabulary):
    save_model(tmp_path / "run", CENTER, OUTSIDE, vocabulary)
    return tmp_path / "run"


def test_files(folder):
    assert {path.name for path in folder.iterdir()} == {"model.safetensors", "vocabulary.tsv"}
    tensors = load_file(folder / "model.safetensors")
    assert set(tensors) == {"center_vectors", "outside_vectors"}
    assert all(tensor.dtype == np.float32 for tensor in tensors.values())
    assert_array_equal(tensors["center_vectors"], CENTER)
    assert_array_equal(tensors["outside_vectors"], OUTSIDE)
    assert (folder / "vocabulary.tsv").read_text("utf-8") == "the\t9\nKöln\t5\n家\t5\n"


def test_load_model(folder):
    model = load_model(str(folder))
    assert_array_equal(model.center_vectors, CENTER)
    assert_array_equal(model.outside_vectors, OUTSIDE)
    assert tuple(model.vocabulary.words) == WORDS
    assert_array_equal(model.vocabulary.counts, COUNTS)


@pytest.mark.parametrize(
    ("which", "array"), [("center", CENTER), ("outside", OUTSIDE), ("sum", CENTER + OUTSIDE)]
)
def test_word_vectors_of_a_run(folder, which, array):
    for path in (folder, str(folder), folder / "model.safetensors"):
        comp = WordVectors.load(path, vectors=which)
        assert comp.words == WORDS
        assert_array_equal(comp.vectors, array)
        assert_array_equal(comp.counts, COUNTS)


def test_center_vectors_are_the_default(folder):
    assert_array_equal(WordVectors.load(folder).vectors, CENTER)


def test_saving_again_replaces(folder, vocabulary):
    save_model(folder, OUTSIDE.astype(np.float64), CENTER, vocabulary)
    assert_array_equal(load_model(folder).center_vectors, OUTSIDE)


@pytest.mark.parametrize(
    ("center", "outside", "message"),
    [
        (CENTER[:2], OUTSIDE, r"center_vectors has shape \(2, 2\); expected \(3, d\)"),
        (CENTER, OUTSIDE[0], r"outside_vectors has shape \(2,\)"),
        (CENTER, OUTSIDE[:, :1], r"center_vectors \(3, 2\) and outside_vectors \(3, 1\) differ"),
    ],
)
def test_shapes_must_fit(center, outside, message, vocabulary, tmp_path):
    with pytest.raises(InputError, match=message):
        save_model(tmp_path / "run", center, outside, vocabulary)
    assert not (tmp_path / "run").exists()


def test_a_folder_that_cannot_be_made(vocabulary, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match="cannot write"):
        save_model(tmp_path / "file" / "run", CENTER, OUTSIDE, vocabulary)


@pytest.mark.parametrize("name", ["model.safetensors", "vocabulary.tsv"])
def test_a_missing_file(folder, name):
    (folder / name).unlink()
    with pytest.raises(InputError, match=f"no {name} in it"):
        load_model(folder)
    with pytest.raises(InputError, match=f"no {name} in it"):
        WordVectors.load(folder)


def test_no_folder(tmp_path):
    with pytest.raises(InputError, match=r"no model.safetensors in it"):
        load_model(tmp_path / "absent")


NAN = np.where(CENTER == 3, np.float32(np.nan), CENTER)
WRONG: dict[str, tuple[dict[str, np.ndarray], str]] = {
    "one table": ({"center_vectors": CENTER}, "no tensor 'outside_vectors', only center_vectors"),
    "more rows": (
        {"center_vectors": np.eye(4), "outside_vectors": np.eye(4)},
        "vocabulary.tsv has 3 words, model.safetensors 4 rows; they are not from the same run",
    ),
    "shapes": ({"center_vectors": CENTER, "outside_vectors": np.eye(3)}, r"\(3, 2\) and outside_v"),
    "flat": (
        {"center_vectors": CENTER[0], "outside_vectors": CENTER[0]},
        r"expected both \(V, d\)",
    ),
    "nan": (
        {"center_vectors": CENTER, "outside_vectors": NAN},
        r"outside_vectors: the vector of 'Köln' \(row 1, from 0\) has nan in column 1",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_tensors(case, folder):
    tensors, message = WRONG[case]
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(InputError, match=message):
        load_model(folder)


def test_a_model_file_without_its_vocabulary(folder):
    (folder / "vocabulary.tsv").unlink()
    with pytest.raises(InputError, match="no tensor 'vectors', only center_vectors, outside_vec"):
        WordVectors.load(folder / "model.safetensors")
