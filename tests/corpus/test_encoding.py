from __future__ import annotations

import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nw2v.corpus.cache import Arrays, ArrayWriter, open_arrays
from nw2v.corpus.encoding import TextEncoder
from nw2v.corpus.tokenizer import Tokenizer
from nw2v.corpus.vocabulary import WordTypes
from tests import naive

TOKENIZERS = [
    Tokenizer(),
    Tokenizer(lowercase=False),
    Tokenizer(unicode_normalization="none"),
    Tokenizer(unicode_normalization="NFKC"),
    Tokenizer(unicode_normalization="NFD"),
    Tokenizer(words="letters"),
    Tokenizer(words="letters", lowercase=False, unicode_normalization="NFKD"),
    Tokenizer(words="[a-zé]+|[.,]"),
]
pieces = st.sampled_from(
    [*"aAbÉéσςΣİ'.,_-\t\r\n\n\n   \x00\u00a0\u3000", "e\u0301", "E\u0301", "\u212a", "ﬁ", "the "]
)
texts = st.lists(pieces, max_size=60).map("".join) | st.text()


def encode(
    texts: list[str], tokenizer: Tokenizer | None, max_sentence_length: int = 10_000
) -> tuple[list[list[str]], Arrays]:
    with tempfile.TemporaryDirectory() as folder:
        with ArrayWriter(Path(folder)) as writer:
            encoder = TextEncoder(writer, tokenizer, max_sentence_length)
            for text in texts:
                encoder.add(encoder.scan(text.encode()))
            writer.seal(encoder.finish())
        stored = open_arrays(Path(folder))
    assert stored is not None
    arrays = stored.arrays
    words = list(WordTypes(arrays["words"], arrays["word_starts"]))
    tokens = [words[number] for number in arrays["tokens"].tolist()]
    offsets = arrays["offsets"].tolist()
    sentences = [tokens[a:b] for a, b in pairwise(offsets)]
    assert len(set(words)) == len(words)
    np.testing.assert_array_equal(
        arrays["counts"], np.bincount(arrays["tokens"], minlength=len(words))
    )
    assert stored.facts["tokens"] == len(tokens)
    assert stored.facts["sentences"] == len(sentences)
    assert stored.facts["types"] == len(words)
    assert stored.facts["largest_count"] == arrays["counts"].max(initial=0)
    return sentences, stored


@given(texts, st.sampled_from(TOKENIZERS), st.integers(1, 5))
@example("e\u0301 \u00e9 E\u0301 \u00c9 e", TOKENIZERS[0], 5)
@example("\u212a k K", TOKENIZERS[0], 5)
@settings(max_examples=300)
def test_as_the_tokenizer_says(text: str, tokenizer: Tokenizer, length: int) -> None:
    comp, _ = encode([text + "\n"], tokenizer, length)
    assert comp == naive.read_sentences(text, tokenizer, length)


@given(st.lists(texts, max_size=6), st.sampled_from(TOKENIZERS), st.integers(1, 5))
@settings(max_examples=200)
def test_blocks_may_end_anywhere_at_white_space(
    parts: list[str], tokenizer: Tokenizer, length: int
) -> None:
    ref, whole = encode([" ".join(parts) + "\n"], tokenizer, length)
    comp, cut = encode([part + " " for part in parts] + ["\n"], tokenizer, length)
    assert comp == ref
    np.testing.assert_array_equal(cut.arrays["offsets"], whole.arrays["offsets"])
    assert cut.facts == whole.facts


def test_many_types_with_aliases() -> None:
    spelt = [f"{letter}{n}" for n in range(3000) for letter in ("é", "e\u0301", "É", "x")]
    blocks = [" ".join(spelt[k : k + 700]) + " " for k in range(0, len(spelt), 700)]
    sentences, stored = encode(blocks, Tokenizer(), 100_000)
    assert stored.facts["types"] == 6000
    assert sentences == [[Tokenizer().normalise(word) for word in spelt]]


@pytest.mark.parametrize("length", [1, 2, 3, 1000])
def test_a_line_over_many_blocks_is_cut(length: int) -> None:
    sentences, _ = encode(["a b c "] * 7 + ["\n", "d e\n"], None, length)
    words = ["a", "b", "c"] * 7
    ref = [words[k : k + length] for k in range(0, 21, length)]
    assert sentences == ref + [["d", "e"][k : k + length] for k in range(0, 2, length)]


def test_words_are_left_alone_without_a_tokenizer() -> None:
    sentences, _ = encode(["The e\u0301 É \u212a\n"], None)
    assert sentences == [["The", "e\u0301", "É", "\u212a"]]


def test_nothing() -> None:
    sentences, stored = encode([" \n\n", "\t\u3000 "], Tokenizer())
    assert sentences == []
    assert stored.facts["types"] == 0


def test_punctuation_is_noticed() -> None:
    _, stored = encode(["He said, (she) said 'so'. -- 'tis a.b\n"], Tokenizer())
    assert stored.facts["punctuated"] == 3
