from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nw2v.corpus import Corpus, Tokenizer, corpus
from nw2v.errors import InputError
from nw2v.jit import COMPILED
from tests import naive

TEXT = "the cat sat on the mat\nthe dog sat\n\nThe Cat and the dog\n" * 40


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("NW2V_CACHE", str(folder))
    return folder


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """A file that is old enough for its digest to be remembered."""
    path = tmp_path / "little.text.txt"
    path.write_text(TEXT)
    then = time.time() - 100
    os.utime(path, (then, then))
    return path


def sentences(corpus: Corpus) -> list[list[str]]:
    words = [corpus.words[number] for number in corpus.tokens.tolist()]
    offsets = corpus.offsets.tolist()
    return [words[a:b] for a, b in pairwise(offsets)]


def no_reading(*_: Any, **__: Any) -> Any:
    raise AssertionError("the text is read again")


def test_from_file(text: Path) -> None:
    corpus = Corpus.from_file(text)
    assert sentences(corpus) == naive.read_sentences(TEXT, Tokenizer(), 10_000)
    assert (corpus.token_count, corpus.sentence_count, corpus.type_count) == (560, 120, 7)
    assert (corpus.name, corpus.source) == ("little", str(text))
    assert len(corpus.fingerprint) == 32
    assert corpus.hints == []
    split = corpus.split(0)
    vocabulary = naive.build_vocabulary(sentences(corpus), 5)
    assert list(split.vocabulary.words) == [word for word, _ in vocabulary]
    assert repr(corpus) == "<Corpus little: 560 tokens, 120 sentences, 7 word types>"


def test_settings_reach_the_reading(text: Path) -> None:
    corpus = Corpus.from_file(
        text,
        min_count=41,
        max_vocabulary=3,
        max_sentence_length=2,
        tokenizer=Tokenizer(lowercase=False, words="letters"),
        name="other",
    )
    assert sentences(corpus) == naive.read_sentences(TEXT, Tokenizer(lowercase=False), 2)
    assert corpus.name == "other"
    assert list(corpus.split(0).vocabulary.words) == ["the", "dog", "sat"]


def test_a_repeat_run_does_not_read(text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Corpus.from_file(text, min_count=2)
    first.split(0.1)
    monkeypatch.setattr(corpus, "read_blocks", no_reading)
    monkeypatch.setattr(corpus, "content_digest", no_reading)
    monkeypatch.setattr(corpus, "write_split", no_reading)
    second = Corpus.from_file(text, min_count=2)
    assert second.fingerprint == first.fingerprint
    assert sentences(second) == sentences(first)
    np.testing.assert_array_equal(
        second.split(0.1).training.tokens, first.split(0.1).training.tokens
    )
    with pytest.raises(AssertionError, match="read again"):
        Corpus.from_file(text, tokenizer=Tokenizer(words="letters"))


def test_a_moved_or_touched_text_is_only_hashed(
    text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Corpus.from_file(text)
    other = text.with_name("other")
    shutil.copy(text, other)
    monkeypatch.setattr(corpus, "read_blocks", no_reading)
    assert Corpus.from_file(other).fingerprint == first.fingerprint
    os.utime(text)
    assert Corpus.from_file(text).fingerprint == first.fingerprint


def test_a_changed_text_is_read_again(text: Path) -> None:
    first = Corpus.from_file(text)
    then = text.stat().st_mtime
    text.write_text(TEXT.replace("dog", "fox"))
    os.utime(text, (then + 1, then + 1))
    second = Corpus.from_file(text)
    assert second.fingerprint != first.fingerprint
    assert "fox" in second.words
    assert "dog" in first.words


def test_the_fingerprint_depends_on_content_and_settings(text: Path, tmp_path: Path) -> None:
    plain = Corpus.from_file(text)
    packed = tmp_path / "text.gz"
    packed.write_bytes(gzip.compress(TEXT.encode()))
    assert sentences(Corpus.from_file(packed)) == sentences(plain)
    others = [
        Corpus.from_file(text, tokenizer=Tokenizer(lowercase=False)),
        Corpus.from_file(text, max_sentence_length=3),
        Corpus.from_sentences([["a", "b"]], min_count=1),
        Corpus.from_sentences([["a"], ["b"]], min_count=1),
    ]
    assert len({corpus.fingerprint for corpus in [plain, *others]}) == 5
    assert Corpus.from_file(text, min_count=1).fingerprint == plain.fingerprint


@pytest.mark.parametrize("damage", ["tokens", "manifest.json", "words"])
def test_a_damaged_cache_is_built_again(text: Path, cache: Path, damage: str) -> None:
    first = sentences(Corpus.from_file(text))
    (folder,) = (cache / "corpora").glob("*-*")
    (folder / damage).write_bytes(b"x")
    assert sentences(Corpus.from_file(text)) == first
    assert sentences(Corpus.from_file(text)) == first
    assert len(list((cache / "corpora").iterdir())) == 1


def test_a_damaged_split_is_built_again(text: Path, cache: Path) -> None:
    corpus = Corpus.from_file(text)
    first = corpus.split(0).training.tokens.tolist()
    (folder,) = (cache / "corpora").glob("*-*/splits/*")
    (folder / "training_tokens").write_bytes(b"x")
    assert corpus.split(0).training.tokens.tolist() == first


def test_a_cache_that_cannot_be_written(text: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_bytes(b"a file where the folder should be")
    corpus = Corpus.from_file(text, cache_dir=blocked)
    assert "cannot be written" in corpus.hints[0]
    split = corpus.split(0.1)
    folder = corpus._folder
    assert folder.is_dir()
    del corpus
    assert not folder.exists()
    assert split.training.tokens.sum() > 0


def test_a_cache_that_became_read_only(
    text: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Corpus.from_file(text)
    monkeypatch.setattr("nw2v.corpus.corpus.is_writable", lambda folder: False)
    split = first.split(0.1)
    assert not list(cache.glob("corpora/*/splits/*"))
    assert split.training.sentences > 0


def test_progress(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_text("a b c d e f g\n" * 200_000)
    calls: list[tuple[int, int]] = []
    Corpus.from_file(path, progress=lambda done, total: calls.append((done, total)))
    done = [call[0] for call in calls]
    assert len(calls) >= 2
    assert done == sorted(done)
    assert calls[-1] == (path.stat().st_size, path.stat().st_size)


def test_folders(tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "b.txt").write_text("the second\n" * 5)
    (folder / "a.txt").write_text("the first\n" * 5)
    corpus = Corpus.from_file(folder)
    assert sentences(corpus) == [["the", "first"]] * 5 + [["the", "second"]] * 5
    assert corpus.name == "texts"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_read_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    code = f"open({str(pipe)!r}, 'w').write('the cat\\n' * 5)"
    with subprocess.Popen([sys.executable, "-c", code]):
        assert Corpus.from_file(pipe).token_count == 10


def test_punctuation_gives_a_hint(tmp_path: Path) -> None:
    path = tmp_path / "prose"
    path.write_text("Yes, he said. The end (almost) came.\n" * 9)
    assert "corpus.words=letters" in Corpus.from_file(path).hints[0]
    assert Corpus.from_file(path, tokenizer=Tokenizer(words="letters")).hints == []


def test_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "latin"
    path.write_bytes(b"the cat\ncaf\xe9 the\n" * 5)
    with pytest.raises(InputError, match=r"latin, line 2: not UTF-8"):
        Corpus.from_file(path)
    assert "caf\ufffd" in Corpus.from_file(path, encoding_errors="replace").words


def test_too_small_to_hold_out(text: Path) -> None:
    corpus = Corpus.from_sentences([["a", "b"]] * 10, min_count=1)
    split = corpus.split(0.02)
    assert (split.training.sentences, split.heldout.sentences) == (10, 0)
    assert len(corpus.hints) == 1
    assert "evaluation.heldout_fraction=0.02" in corpus.hints[0]
    repetitive = Corpus.from_file(text)
    assert repetitive.split(0.3).training.sentences == 120
    repetitive.split(0.3)
    assert len(repetitive.hints) == 1
    assert repetitive.split(0).heldout.offsets.tolist() == [0]


def test_from_sentences_takes_any_iterable_once() -> None:
    given: list[Any] = [["The", "É"], [], ["the"], ("a", "b"), np.array(["x", "y"])]

    def generator() -> Iterator[Any]:
        yield from given

    corpus = Corpus.from_sentences(generator(), min_count=1, name="mine")
    assert sentences(corpus) == [["The", "É"], ["the"], ["a", "b"], ["x", "y"]]
    assert (corpus.name, corpus.source, corpus.tokenizer) == ("mine", "mine", None)
    again = Corpus.from_sentences(given, min_count=1)
    assert again.fingerprint == corpus.fingerprint


def test_from_sentences_in_batches(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setattr("nw2v.corpus.corpus._SENTENCE_BATCH_WORDS", 5)
    given = [[f"w{n % 7}" for n in range(k)] for k in range(12)]
    corpus = Corpus.from_sentences(given, min_count=1, max_sentence_length=4)
    assert sentences(corpus) == [row[k : k + 4] for row in given for k in range(0, len(row), 4)]
    assert not (cache / "corpora").exists()
    kept = Corpus.from_sentences(given, min_count=1, max_sentence_length=4, cache_dir=cache)
    assert kept.fingerprint != ""
    assert len(list((cache / "corpora").iterdir())) == 1


def test_from_sentences_leaves_nothing_behind() -> None:
    corpus = Corpus.from_sentences([["a", "b"]], min_count=1)
    folder = corpus._folder.parent.parent
    assert folder.is_dir()
    del corpus
    assert not folder.exists()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("the cat", "expected lists of words, got one string"),
        (["the cat"], "sentence 1 is a string, 'the cat'"),
        ([["a"], b"b"], "sentence 2 is a string"),
        ([["a"], 5], "sentence 2 is a int"),
        ([["a", 5]], "sentence 1: the word 5 is a int, not a string"),
        ([["a"], ["new york"]], "sentence 2: the word 'new york' is empty or holds white space"),
        ([["a"], ["b", ""]], "sentence 2: the word '' is empty"),
        ([["a\u3000"]], "holds white space"),
        ([["a "]], "sentence 1: the word 'a ' is empty or holds white space"),
        ([[], ["", "b c"]], "sentence 2: the word '' is empty"),
        ([["a\x00b"]], "holds white space"),
        ([["\ud800"]], "not valid Unicode"),
        ([], "the corpus is empty"),
        ([[], []], "the corpus is empty"),
        ([["a"] * 4], "the most frequent one 4 times"),
    ],
)
def test_bad_sentences(given: Any, expected: str) -> None:
    with pytest.raises(InputError) as caught:
        Corpus.from_sentences(given)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_errors_of_the_given_iterable_pass_through() -> None:
    def failing() -> Iterator[list[str]]:
        yield ["a"]
        raise FileNotFoundError("mine")

    with pytest.raises(FileNotFoundError, match="mine"):
        Corpus.from_sentences(failing())


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"min_count": 0}, "corpus.min_count=0: expected a whole number of at least 1"),
        ({"min_count": 2.5}, "corpus.min_count=2.5"),
        ({"min_count": True}, "corpus.min_count=True"),
        ({"max_vocabulary": 1}, "corpus.max_vocabulary=1: expected a whole number of at least 2"),
        ({"max_sentence_length": 0}, "corpus.max_sentence_length=0"),
        ({"encoding_errors": "ignore"}, "corpus.encoding_errors='ignore'"),
        ({"tokenizer": "letters"}, "tokenizer: expected a nw2v.Tokenizer"),
        ({"min_count": 1000}, "corpus.min_count=1000: no word of"),
    ],
)
def test_bad_settings(text: Path, options: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputError) as caught:
        Corpus.from_file(text, **options)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_empty_texts(tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "text"
    for content in (b"", b"\xef\xbb\xbf", b" \n\t\n\x00"):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"the corpus is empty: there is no word in .*text"):
            Corpus.from_file(path)
    assert not list((cache / "corpora").iterdir())
    path.write_bytes(b"1 2 3\n" * 9)
    with pytest.raises(InputError, match="empty"):
        Corpus.from_file(path, tokenizer=Tokenizer(words="[a-z]+"))


def test_a_vocabulary_of_one_word() -> None:
    with pytest.raises(InputError, match="vocabulary of one word, 'a'"):
        Corpus.from_sentences([["a"] * 9]).split()


@pytest.mark.parametrize("fraction", [-0.1, 0.51, float("nan"), "0.1", None, True])
def test_bad_heldout_fraction(fraction: Any) -> None:
    corpus = Corpus.from_sentences([["a", "b"]], min_count=1)
    with pytest.raises(InputError, match=r"evaluation\.heldout_fraction="):
        corpus.split(fraction)
    with pytest.raises(InputError, match=r"evaluation\.split_seed="):
        corpus.split(0.1, 1.5)  # type: ignore[arg-type]


def test_from_name(text: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def materialise(name: str, cache_dir: Path, progress: Any) -> SimpleNamespace:
        assert (name, cache_dir) == ("little", cache)
        return SimpleNamespace(name=name, path=text)

    monkeypatch.setattr("nw2v.corpus.named.materialise", materialise)
    corpus = Corpus.from_name("little", min_count=2, tokenizer=Tokenizer(lowercase=False))
    assert (corpus.name, corpus.source, corpus.min_count) == ("little", "little", 2)
    assert sentences(corpus) == naive.read_sentences(TEXT, Tokenizer(lowercase=False), 10_000)
    with pytest.raises(InputError, match=r"corpus\.min_count=0"):
        Corpus.from_name("little", min_count=0)


def test_the_room_can_be_entered_without_a_compiler() -> None:
    code = (
        "import sys; from nw2v.corpus import Vocabulary, Tokenizer; "
        "sys.exit('numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.skipif(not COMPILED, reason="minutes without compilation")
def test_real_text(real_data: Path) -> None:
    corpus = Corpus.from_file(real_data / "corpora" / "brown.txt.xz")
    assert (corpus.token_count, corpus.sentence_count) == (1_018_037, 57_822)
    split = corpus.split()
    assert list(split.vocabulary.words[:5]) == ["the", "of", "and", "to", "a"]
    assert split.training.sentences + split.heldout.sentences <= 57_822
    assert 900 < split.heldout.sentences < 1200
    assert int(split.vocabulary.counts.sum()) == len(split.training.tokens)
