from __future__ import annotations

from pathlib import Path

import pytest

from nw2v.errors import InputError
from nw2v.evaluation import (
    analogy_set_names,
    load_analogies,
    load_similarity,
    set_files,
    similarity_set_names,
)
from nw2v.evaluation.analogy_sets import GOOGLE

MODULE = """
from nw2v.evaluation import AnalogySet, SimilaritySet

def analogies():
    return AnalogySet("thirds", {"s": [("a", "b", "c", "d")]})

def similarity():
    return SimilaritySet("thirds", [("a", "b", 1.0)])
"""
ENTRY_POINTS = """
[nw2v.analogies]
thirds = set_of_thirds:analogies
broken = set_of_thirds:nothing

[nw2v.similarity]
thirds = set_of_thirds:similarity
"""


@pytest.fixture
def third_party(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    information = tmp_path / "thirds-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: thirds\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(ENTRY_POINTS)
    (tmp_path / "set_of_thirds.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("third_party")
def test_sets_of_other_packages():
    assert analogy_set_names() == ["broken", "google", "nw2v", "thirds"]
    assert similarity_set_names() == ["men", "simlex999", "thirds", "wordsim353"]
    assert len(load_analogies("thirds")) == 1
    assert len(load_similarity("thirds")) == 1


@pytest.mark.usefixtures("third_party")
def test_a_broken_entry_point_says_which():
    with pytest.raises(InputError, match="'broken': its entry point set_of_thirds:nothing cannot"):
        load_analogies("broken")


def test_gensims_copy_counts_only_if_it_is_the_right_file(tmp_path, monkeypatch):
    folder = tmp_path / "gensim" / "test" / "test_data"
    folder.mkdir(parents=True)
    (tmp_path / "gensim" / "__init__.py").write_text("raise RuntimeError('must not be imported')")

    class Package:
        submodule_search_locations = (str(tmp_path / "gensim"),)

    monkeypatch.setattr(set_files.importlib.util, "find_spec", lambda name: Package)
    assert GOOGLE._in_gensim() is None
    (folder / GOOGLE.file_name).write_text("another file")
    assert GOOGLE._in_gensim() is None


def test_lines_have_their_number_in_the_file(tmp_path):
    path = tmp_path / "x.txt"
    path.write_bytes(b"\xef\xbb\xbf# comment\r\n\r\n first \n\nsecond")
    assert list(set_files.read_lines(path)) == [(3, "first"), (5, "second")]


def test_columns():
    assert set_files.split_columns("a b\tc\t1,5") == ["a b", "c", "1,5"]
    assert set_files.split_columns('a, "b, c",1') == ["a", "b, c", "1"]
    assert set_files.split_columns("a  b 1") == ["a", "b", "1"]


@pytest.mark.parametrize("load", [load_analogies, load_similarity])
@pytest.mark.parametrize("wrong", ["", None, 3, ["google"]])
def test_neither_name_nor_path(load, wrong):
    with pytest.raises(InputError, match=r"unknown .* set ''|expected a name or the path"):
        load(wrong)


def test_a_vectors_file_is_not_a_set_and_the_error_is_short(tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text("2 100\n" + "the " + "0.125 " * 100 + "\n")
    for load in (load_analogies, load_similarity):
        with pytest.raises(InputError) as caught:
            load(path)
        assert len(str(caught.value)) < 250 + len(str(path))


def test_a_name_wins_over_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nw2v").write_text(": s\na b c d\n")
    assert len(load_analogies("nw2v")) > 1000
    assert len(load_analogies("./nw2v")) == 1
    assert len(load_analogies(Path("nw2v"))) == 1
