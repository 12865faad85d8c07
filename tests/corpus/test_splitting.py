from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nw2v.corpus import splitting
from nw2v.corpus.corpus import Corpus
from nw2v.corpus.splitting import EncodedText, block_sentences, choose_blocks
from tests import naive
from tests.mapped_memory import TOLD, kibibytes_in_memory

Sentences = list[list[str]]
sentences_of_few_words = st.lists(
    st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=4), min_size=1, max_size=60
)


def spelt(text: EncodedText, words: list[str]) -> Sentences:
    offsets = text.offsets.tolist()
    tokens = text.tokens.tolist()
    return [[words[token] for token in tokens[a:b]] for a, b in pairwise(offsets)]


@given(
    sentences_of_few_words,
    st.integers(1, 3),
    st.none() | st.integers(2, 5),
    st.sampled_from([0.0, 0.1, 0.5]),
    st.integers(-3, 3),
    st.integers(1, 20),
)
@settings(max_examples=150)
def test_split_against_the_plain_way(
    sentences: Sentences, min_count: int, most: int | None, fraction: float, seed: int, chunk: int
) -> None:
    ref = naive.split(
        sentences,
        choose_blocks(len(sentences), fraction, seed).tolist(),
        min_count,
        most,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(splitting, "_CHUNK_TOKENS", chunk)
        try:
            corpus = Corpus.from_sentences(sentences, min_count=min_count, max_vocabulary=most)
            split = corpus.split(fraction, seed)
        except ValueError:
            whole = naive.split(sentences, [False] * len(sentences), min_count, most)
            assert len(ref[0]) < 2 or len(whole[0]) < 2
            return
    if fraction > 0 and not ref[2]:
        assert "nothing is held out" in corpus.hints[0]
        ref = naive.split(sentences, [False] * len(sentences), min_count, most)
    words = list(split.vocabulary.words)
    counts = split.vocabulary.counts.tolist()
    assert list(zip(words, counts, strict=True)) == ref[0]
    assert spelt(split.training, words) == ref[1]
    assert spelt(split.heldout, words) == ref[2]
    assert split.training.tokens.dtype == split.heldout.tokens.dtype == np.int32
    assert split.training.offsets.dtype == split.heldout.offsets.dtype == np.int64
    assert split.training.sentences == len(ref[1])


def test_blocks_are_chosen_by_the_split_seed_alone() -> None:
    small, large = choose_blocks(1000, 0.02, 7), choose_blocks(1000, 0.3, 7)
    assert (small.sum(), large.sum()) == (20, 300)
    assert large[small].all()
    np.testing.assert_array_equal(small, choose_blocks(1000, 0.02, 7))
    assert (choose_blocks(1000, 0.3, 8) != large).sum() > 200
    assert not choose_blocks(1000, 0.0, 7).any()
    assert choose_blocks(0, 0.5, 7).shape == (0,)
    # no pattern: neighbours are held out together about as often as chance has it
    both = np.mean([(b := choose_blocks(500, 0.5, seed))[1:] & b[:-1] for seed in range(20)])
    assert abs(both - 0.25) < 0.02


def test_blocks_are_smaller_in_small_texts() -> None:
    assert [block_sentences(number) for number in (0, 1, 999, 2000, 64_000, 10**9)] == [
        1,
        1,
        1,
        2,
        64,
        64,
    ]


def test_neighbours_are_held_out_together() -> None:
    sentences = [[f"w{number}", "x", "y"] for number in range(4000)]
    split = Corpus.from_sentences(sentences, min_count=1).split(0.1, 1)
    assert split.heldout.sentences == 400
    words = list(split.vocabulary.words)
    trained = {int(word[1:]) for word in words if word.startswith("w")}
    heldout = sorted(set(range(4000)) - trained)
    assert all(a % 4 == 0 for a in heldout[::4])
    assert all(b == a + 1 for a, b in zip(heldout[::4], heldout[1::4], strict=True))
    # a word that occurs only in the held-out part is not in the vocabulary
    assert spelt(split.heldout, words) == [["x", "y"]] * 400
    assert split.vocabulary.counts[:2].tolist() == [3600, 3600]


def test_no_heldout_sentence_is_a_training_sentence() -> None:
    generator = np.random.default_rng(5)
    sentences = [
        [str(word) for word in generator.integers(0, 6, size=generator.integers(1, 6))]
        for _ in range(3000)
    ]
    split = Corpus.from_sentences(sentences, min_count=1).split(0.3, 2)
    words = list(split.vocabulary.words)
    trained = {tuple(sentence) for sentence in spelt(split.training, words)}
    heldout = [tuple(sentence) for sentence in spelt(split.heldout, words)]
    assert heldout
    assert not trained & set(heldout)


@pytest.mark.skipif(not TOLD, reason="the system does not tell")
def test_no_more_of_a_text_than_a_chunk_is_kept_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(splitting, "_CHUNK_TOKENS", 10_000)
    monkeypatch.setenv("NW2V_CACHE", str(tmp_path))
    text = tmp_path / "text.txt"
    text.write_text("\n".join(f"a b c w{line % 500}" for line in range(20_000)))
    corpus = Corpus.from_file(text)
    raw = splitting.RawText(corpus.tokens, corpus.offsets, corpus.counts, corpus.words)
    chunks = 0
    for chunk in splitting._chunks(raw):
        assert chunk.tokens.any()
        assert kibibytes_in_memory(tmp_path) > 0
        chunks += 1
    assert chunks == 8
    assert kibibytes_in_memory(corpus._folder / "tokens") == 0
    assert kibibytes_in_memory(corpus._folder / "offsets") == 0
