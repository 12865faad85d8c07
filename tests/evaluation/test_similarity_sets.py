from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from nw2v.corpus import downloads
from nw2v.errors import InputError
from nw2v.evaluation import SimilaritySet, load_similarity
from nw2v.evaluation.similarity_sets import MEN

PAIRS = [("tiger", "cat", 7.35), ("book", "paper", 7.46), ("stock", "CD", 1.31)]


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "text",
    [
        "tiger\tcat\t7.35\nbook\tpaper\t7.46\nstock\tCD\t1.31\n",
        "# a comment\n\nword 1\tword 2\tmean\ntiger\tcat\t7.35\nbook\tpaper\t7.46\nstock\tCD\t1.31",
        "Word 1,Word 2,Human (mean),1,2\ntiger,cat,7.35,9,7\nbook, paper, 7.46,8\nstock,CD,1.31,\n",
        '"tiger","cat",7.35\n"book","paper",7.46\n"stock","CD",1.31\n',
        "tiger cat 7.35\nbook   paper 7.46 more\r\nstock CD 1.31\n",
        "\ufefftiger\tcat\t7.35\nbook\tpaper\t7.46\nstock\tCD\t1.31\n",
    ],
    ids=["tabs", "comment and header", "commas", "quoted", "blanks", "byte order mark"],
)
def test_formats(tmp_path, text):
    pairs = load_similarity(write(tmp_path / "mine.tsv", text))
    assert pairs.name == "mine"
    assert pairs.pairs == PAIRS
    assert len(pairs) == 3


@pytest.mark.parametrize(("name", "size"), [("wordsim353", 353), ("simlex999", 999)])
def test_sets_in_gensim(name, size):
    pytest.importorskip("gensim")
    pairs = load_similarity(name)
    assert (pairs.name, len(pairs)) == (name, size)


def test_men_is_downloaded(monkeypatch, tmp_path):
    copy = write(tmp_path / "copy.txt", "sun\tsunlight\t50.0\n")
    calls = []

    def fetch(*arguments):
        calls.append(arguments)
        return copy

    monkeypatch.setattr(downloads, "fetch", fetch)
    monkeypatch.setenv("NW2V_CACHE", str(tmp_path))
    assert load_similarity("men").pairs == [("sun", "sunlight", 50.0)]
    assert calls == [(MEN.file_name, MEN.url, f"sha256:{MEN.sha256}", tmp_path, MEN.description)]


def test_the_download_is_men(real_data):
    path = real_data / "evaluation" / MEN.file_name
    assert hashlib.sha256(path.read_bytes()).hexdigest() == MEN.sha256


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\tb\t1\nc\td\n", r"bad\.tsv:2: expected two words and a number"),
        ("a\tb\t1\nc\td\tmany\n", r"bad\.tsv:2: the third column must be .* got 'many'"),
        ("a\tb\t1\nc\td\tnan\n", r"bad\.tsv:2: the third column must be .* got 'nan'"),
        ("a\tb\tnan\nc\td\t1\n", r"bad\.tsv:1: the third column must be .* got 'nan'"),
        ("a\tb\t-inf\nc\td\t1\n", r"bad\.tsv:1: the third column must be .* got '-inf'"),
        ("w1\tw2\tx\nw1\tw2\tx\na\tb\t1\n", r"bad\.tsv:2: the third column"),
        ("a\t\t1\n", r"bad\.tsv:1: expected two words and a number"),
        ("", r"bad\.tsv: no pairs"),
        ("word 1\tword 2\tmean\n", r"bad\.tsv: no pairs"),
    ],
)
def test_malformed_files_say_where(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        load_similarity(write(tmp_path / "bad.tsv", text))


def test_unreadable(tmp_path):
    with pytest.raises(InputError, match="cannot read"):
        load_similarity(tmp_path)


def test_unknown_names_list_near_names():
    with pytest.raises(
        InputError, match="unknown similarity set 'simlex': did you mean 'simlex999'"
    ):
        load_similarity("simlex")


@pytest.mark.parametrize(
    "pair", [("a", "b"), ("a", "", 1), ("a", "b", "x"), ("a", "b", float("nan")), 3]
)
def test_bad_pairs(pair):
    with pytest.raises(InputError, match="not two words and a finite number"):
        SimilaritySet("x", [pair])
    with pytest.raises(InputError, match="has no pairs"):
        SimilaritySet("x", [])
