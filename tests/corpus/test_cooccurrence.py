"""Expected co-occurrence counts: their law, how they are made, and how they are kept."""

from __future__ import annotations

import gc
import math
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nw2v.corpus import Corpus, EncodedText, Split, cooccurrence
from nw2v.corpus.cooccurrence import Cooccurrences, cooccurrences
from nw2v.corpus.subsampling import LIMITS, keep_limits
from nw2v.errors import InputError
from nw2v.jit import COMPILED
from nw2v.jit.random import stream_key
from nw2v.kernels.stream import (
    Text,
    WindowLaw,
    Windows,
    draw_windows,
    new_windows,
    window_law,
)
from tests import naive
from tests.kernels.texts import random_text

LAW: dict[str, Any] = {"window": 3, "subsample": 1e-2, "shrink_window": True}
PLAIN: dict[str, Any] = {"window": 3, "subsample": 0, "shrink_window": False}


def encoded(seed: int = 0) -> tuple[list[list[int]], EncodedText, np.ndarray]:
    sentences, text, counts = random_text(seed)
    return sentences, EncodedText(text.tokens, text.offsets), counts


def dense(found: Cooccurrences) -> np.ndarray:
    V = len(found.offsets) - 1
    counts = np.zeros((V, V))
    counts[np.repeat(np.arange(V), np.diff(found.offsets)), found.words] = found.counts
    return counts


def same(one: Cooccurrences, other: Cooccurrences) -> bool:
    names = ("offsets", "words", "counts")
    return all(getattr(one, n).tobytes() == getattr(other, n).tobytes() for n in names)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("NW2V_CACHE", str(folder))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return folder


@pytest.fixture
def split(tmp_path: Path) -> Split:
    path = tmp_path / "text"
    path.write_text("the cat sat on the mat\nthe dog sat\n\nThe Cat and the dog\n" * 40)
    return Corpus.from_file(path, min_count=1).split(0)


def no_counting(*_: Any, **__: Any) -> Any:
    raise AssertionError("counted again")


# --- the law --------------------------------------------------------------------------------------


@pytest.mark.parametrize("shrink", [True, False])
def test_counts_equal_the_plain_twin(shrink: bool) -> None:
    sentences, text, counts = encoded(1)
    found = cooccurrences(text, counts, window=4, subsample=1e-2, shrink_window=shrink, cutoff=1e-9)
    keep = (keep_limits(counts, 1e-2) + 1.0) / LIMITS
    ref = naive.cooccurrence_counts(sentences, keep, 4, shrink)
    np.testing.assert_allclose(dense(found), ref, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(found.row_sums(), ref.sum(axis=1), rtol=1e-6)
    assert found.total() == pytest.approx(ref.sum(), rel=1e-6)
    assert len(found) == np.count_nonzero(ref)
    assert (found.window, found.subsample, found.shrink) == (4, 1e-2, shrink)
    types = found.offsets.dtype, found.words.dtype, found.counts.dtype
    assert types == (np.int64, np.int32, np.float32)


def test_plain_counts_are_whole_numbers() -> None:
    sentences, text, counts = encoded(2)
    ref = np.zeros((30, 30))
    for sentence in sentences:
        for i, word in enumerate(sentence):
            for other in sentence[max(0, i - 3) : i] + sentence[i + 1 : i + 4]:
                ref[word, other] += 1
    found = cooccurrences(text, counts, **PLAIN)
    np.testing.assert_array_equal(dense(found), ref)
    np.testing.assert_array_equal(dense(found), dense(found).T)


def drawn(text: Text, law: WindowLaw, draw: int, room: Windows) -> np.ndarray:
    """Count the pairs of one pass over a text."""
    kept = draw_windows(text, law, stream_key(7, draw), 0, len(text.offsets) - 1, room)
    first, last = room.first[:kept], room.last[:kept]
    centers = np.repeat(np.arange(kept), last - first)
    outsides = np.concatenate([np.arange(a, b) for a, b in zip(first, last, strict=True)])
    words = room.words[centers], room.words[outsides]
    pairs = np.zeros((30, 30))
    np.add.at(pairs, tuple(word[centers != outsides] for word in words), 1)
    return pairs


@pytest.mark.parametrize("shrink", [True, False])
def test_counts_are_the_mean_of_what_the_stream_draws(shrink: bool) -> None:
    _, text, counts = random_text(3)
    found = cooccurrences(
        EncodedText(text.tokens, text.offsets),
        counts,
        window=3,
        subsample=2e-2,
        shrink_window=shrink,
    )
    law = window_law(counts, window=3, subsample=2e-2, shrink=shrink)
    room = new_windows(len(text.tokens))
    draws = 4000 if COMPILED else 60
    sums, squares, totals = np.zeros((30, 30)), np.zeros((30, 30)), np.zeros(draws)
    for draw in range(draws):
        pairs = drawn(text, law, draw, room)
        sums += pairs
        squares += pairs**2
        totals[draw] = pairs.sum()
    mean = sums / draws
    error = np.sqrt((squares / draws - mean**2) / draws)
    often = dense(found) * draws > 50  # else the standard error is not known well
    assert often.sum() > 30
    # The errors of pairs that are nearly certain do not show: hence 5 draws more.
    assert (np.abs(mean - dense(found)) <= 5 * error + 5 / draws)[often].all()
    assert abs(totals.mean() - found.total()) < 5 * totals.std() / math.sqrt(draws)
    assert not mean[dense(found) == 0].any()


def test_a_window_closes_up_over_dropped_words() -> None:
    text = EncodedText(np.array([1] + [0] * 8 + [1], dtype=np.int32), np.array([0, 10]))
    counts = np.array([10**6, 1])
    found = cooccurrences(text, counts, window=2, subsample=1e-6, shrink_window=True)
    assert dense(found)[1, 1] == pytest.approx(2, rel=0.01)


# --- how they are made ----------------------------------------------------------------------------


def test_any_number_of_threads_and_any_block_gives_the_same_bits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, text, counts = encoded(4)
    ref = cooccurrences(text, counts, **LAW, threads=1)
    monkeypatch.setattr(cooccurrence, "_TASK_OCCURRENCES", 20)
    monkeypatch.setattr(cooccurrence, "_ROOM", 0)
    for threads in (1, 2, 5):
        assert same(cooccurrences(text, counts, **LAW, threads=threads), ref)
    # Blocks of several words, and one of a word that is collected piece by piece.
    for occurrences in (7, 50):
        monkeypatch.setattr(cooccurrence, "_BLOCK_BYTES", 16 * occurrences)
        assert counts.max() > occurrences > counts.min()
        for threads in (1, 3):
            assert same(cooccurrences(text, counts, **LAW, threads=threads), ref)


def test_a_memory_limit_is_kept_while_collecting(monkeypatch: pytest.MonkeyPatch) -> None:
    _, text, counts = encoded(4)
    ref = cooccurrences(text, counts, **LAW)
    largest = []
    collect = cooccurrence.collect

    def noting(*arguments: Any) -> None:
        largest.append(arguments[-1].positions.nbytes + arguments[-1].sentences.nbytes)
        collect(*arguments)

    monkeypatch.setattr(cooccurrence, "collect", noting)
    monkeypatch.setattr(cooccurrence, "_check_size", lambda *_: None)
    assert same(cooccurrences(text, counts, **LAW, memory_limit=500), ref)
    assert max(largest) <= 500


def test_progress_counts_tokens() -> None:
    _, text, counts = encoded(4)
    calls: list[tuple[int, int]] = []
    cooccurrences(text, counts, **LAW, progress=lambda *call: calls.append(call))
    assert calls[-1] == (len(text.tokens), len(text.tokens))
    assert calls == sorted(calls)


def test_words_that_do_not_occur_have_empty_rows() -> None:
    text = EncodedText(np.array([1, 3], dtype=np.int32), np.array([0, 2]))
    found = cooccurrences(text, np.array([5, 1, 1, 1, 9]), **PLAIN)
    assert found.offsets.tolist() == [0, 0, 1, 1, 2, 2]
    assert found.words.tolist() == [3, 1]
    empty = cooccurrences(EncodedText(text.tokens[:0], text.offsets[:1]), np.ones(3), **PLAIN)
    assert empty.offsets.tolist() == [0, 0, 0, 0]
    assert (len(empty), empty.total()) == (0, 0.0)


def test_the_estimate_of_the_size_is_near() -> None:
    generator = np.random.default_rng(0)
    tokens = (generator.zipf(1.3, 6000) % 400).astype(np.int32)
    text = EncodedText(tokens, np.arange(0, 6001, 10))
    counts = np.bincount(tokens, minlength=400)
    found = cooccurrences(text, counts, **LAW)
    with pytest.raises(InputError) as caught:
        cooccurrences(text, counts, **LAW, memory_limit=len(found))
    told = float(str(caught.value).split("about ")[1].split(" kB")[0]) * 1000
    assert told == pytest.approx(8 * len(found) + 8 * 400, rel=0.15)


# --- how they are kept ----------------------------------------------------------------------------


def test_a_second_call_opens_what_the_first_one_wrote(
    split: Split, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = split.cooccurrences(**LAW)
    (folder,) = cache.glob("corpora/*/splits/*/cooccurrences/*")
    monkeypatch.setattr(cooccurrence, "_Counter", no_counting)
    second = split.cooccurrences(window=3, subsample=0.01, shrink_window=True, threads=1)
    assert same(first, second)
    assert not second.counts.flags.writeable
    with pytest.raises(AssertionError, match="counted again"):
        split.cooccurrences(**PLAIN)
    assert list(folder.parent.iterdir()) == [folder]


def test_every_setting_has_a_folder_of_its_own(split: Split, cache: Path) -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"window": 2},
        {"subsample": 0.0},
        {"shrink_window": False},
    ]
    found = [split.cooccurrences(**(LAW | change)) for change in changes]
    assert len({one.counts.tobytes() for one in found}) == 4
    assert len(list(cache.glob("corpora/*/splits/*/cooccurrences/*"))) == 4


def test_damaged_counts_are_counted_again(split: Split, cache: Path) -> None:
    first = split.cooccurrences(**LAW).counts.tolist()
    (folder,) = cache.glob("corpora/*/splits/*/cooccurrences/*")
    (folder / "counts").write_bytes(b"x")
    assert split.cooccurrences(**LAW).counts.tolist() == first


def test_an_interrupted_count_leaves_nothing(
    split: Split, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        split.cooccurrences(**LAW, progress=interrupt)
    (parent,) = cache.glob("corpora/*/splits/*/cooccurrences")
    assert not list(parent.iterdir())
    monkeypatch.setattr(cooccurrence, "is_writable", lambda folder: False)
    with pytest.raises(KeyboardInterrupt):
        split.cooccurrences(**LAW, progress=interrupt)
    assert not list(tmp_path.glob("nw2v-*"))


def test_a_cache_that_cannot_be_written(
    split: Split, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = split.cooccurrences(**LAW)
    monkeypatch.setattr(cooccurrence, "is_writable", lambda folder: False)
    monkeypatch.setattr(
        cooccurrence,
        "open_arrays",
        lambda folder, opened=cooccurrence.open_arrays: (
            None if folder.is_relative_to(cache) else opened(folder)
        ),
    )
    found = split.cooccurrences(**LAW)
    assert len(list(tmp_path.glob("nw2v-*"))) == 1
    assert same(found, ref)
    counts = found.counts
    del found
    gc.collect()
    assert not list(tmp_path.glob("nw2v-*"))
    assert counts.sum() == ref.counts.sum()


def test_a_split_may_outlive_its_folder(tmp_path: Path) -> None:
    split = Corpus.from_sentences([["a", "b", "c"]] * 5, min_count=1).split(0)
    gc.collect()
    assert split.folder is not None
    assert not split.folder.exists()
    found = split.cooccurrences(**PLAIN)
    assert found.total() == 30
    assert not split.folder.exists()


def test_counting_is_quick_to_open(split: Split) -> None:
    split.cooccurrences(**LAW)
    began = time.perf_counter()
    split.cooccurrences(**LAW)
    assert time.perf_counter() - began < 0.5


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"window": 0}, "model.window=0: expected a whole number from 1 to 10,000"),
        ({"window": 10_001}, "model.window=10001"),
        ({"window": 2.5}, "model.window=2.5"),
        ({"window": True}, "model.window=True"),
        ({"subsample": -0.1}, "model.subsample=-0.1: expected a number from 0 to 1"),
        ({"subsample": float("nan")}, "model.subsample=nan"),
        ({"subsample": "0.1"}, "model.subsample='0.1'"),
        ({"subsample": None}, "model.subsample=None"),
        ({"shrink_window": 1}, "model.shrink_window=1: expected true or false"),
        ({"threads": 0}, "threads=0: expected a whole number of at least 1"),
        ({"memory_limit": 0}, "memory_limit=0"),
    ],
)
def test_bad_settings(split: Split, change: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputError) as caught:
        split.cooccurrences(**(LAW | change))
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("cutoff", [0, -1, 1.5])
def test_bad_cutoffs(cutoff: float) -> None:
    _, text, counts = encoded()
    with pytest.raises(InputError, match=r"cutoff=.*: expected a number above 0 and at most 1"):
        cooccurrences(text, counts, **LAW, cutoff=cutoff)


def test_words_beyond_the_vocabulary() -> None:
    _, text, counts = encoded()
    with pytest.raises(InputError, match="the text has the word 29, but counts has 29 words"):
        cooccurrences(text, counts[:-1], **LAW)


def test_a_disk_without_room(split: Split, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=20))
    with pytest.raises(InputError) as caught:
        split.cooccurrences(**LAW)
    told = str(caught.value)
    assert "more than the 20 bytes that the disk of" in told
    assert "lower model.window or corpus.max_vocabulary, or raise corpus.min_count" in told
    assert "\n" not in told
    assert not list(cache.glob("corpora/*/splits/*/cooccurrences/*"))


@pytest.mark.skipif(not COMPILED, reason="minutes without compilation")
def test_the_cutoff_loses_next_to_nothing_of_real_text(real_data: Path) -> None:
    corpus = Corpus.from_file(real_data / "corpora" / "brown.txt.xz")
    split = corpus.split()
    law: dict[str, Any] = {"window": 5, "subsample": 1e-4, "shrink_window": True}
    whole = cooccurrences(split.training, split.vocabulary.counts, **law, cutoff=1e-8)
    total = split.cooccurrences(**law).total()
    assert total < whole.total() < total * (1 + 2e-5)
