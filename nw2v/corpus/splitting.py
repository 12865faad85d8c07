"""A held-out part, the vocabulary of the rest, and both encoded by vocabulary ids."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nw2v.corpus.cache import Arrays, ArrayWriter, let_go
from nw2v.corpus.vocabulary import Vocabulary, WordTypes, choose_types
from nw2v.jit import COMPILED, exact_kernel
from nw2v.jit.random import random_bits, stream_key

if TYPE_CHECKING:
    from nw2v.corpus.cooccurrence import Cooccurrences

BLOCK_SENTENCES = 64
_BLOCKS_AT_LEAST = 1000
_CHUNK_TOKENS = 1 << 22

# Without compilation the same arithmetic runs on Python's integers, which do not overflow.
_word: Any = np.uint64 if COMPILED else int
_MASK = _word(0xFFFFFFFFFFFFFFFF)
_MULTIPLIER = _word(0x9E3779B97F4A7C15)
_START = _word(0x243F6A8885A308D3)
_29 = _word(29)


@dataclass(frozen=True, eq=False)
class EncodedText:
    """Sentences of vocabulary ids; words out of the vocabulary are left out.

    Attributes
    ----------
    tokens : (N,) int32
        Read-only, memory-mapped.
    offsets : (S + 1,) int64
        Sentence s is ``tokens[offsets[s]:offsets[s + 1]]``; none is empty.
    """

    tokens: np.ndarray
    offsets: np.ndarray

    @property
    def sentences(self) -> int:
        """Number of sentences."""
        return len(self.offsets) - 1


@dataclass(frozen=True, eq=False)
class Split:
    """A corpus in two parts, encoded by the vocabulary of the training part.

    Attributes
    ----------
    vocabulary : Vocabulary
    training, heldout : EncodedText
        `heldout` may be empty.
    folder : Path or None
        Where it is kept in the cache.
    """

    vocabulary: Vocabulary
    training: EncodedText
    heldout: EncodedText
    folder: Path | None = None

    def cooccurrences(
        self,
        *,
        window: int,
        subsample: float,
        shrink_window: bool,
        threads: int | None = None,
        memory_limit: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Cooccurrences:
        """Count the expected co-occurrences in the training part, or find them in the cache.

        They are kept in the split's own folder, or in a temporary one where that cannot be written.
        For the parameters and errors see `nw2v.corpus.cooccurrence.cooccurrences`.
        """
        from nw2v.corpus.cooccurrence import cooccurrences

        folder = None
        if self.folder is not None and self.folder.is_dir():  # else its temporary folder is gone
            folder = self.folder / "cooccurrences"
        return cooccurrences(
            self.training,
            self.vocabulary.counts,
            window=window,
            subsample=subsample,
            shrink_window=shrink_window,
            threads=threads,
            memory_limit=memory_limit,
            progress=progress,
            folder=folder,
        )


class RawText(NamedTuple):
    """A text before the vocabulary cut, see `nw2v.corpus.encoding.TextEncoder`."""

    tokens: np.ndarray
    offsets: np.ndarray
    counts: np.ndarray
    words: WordTypes


def block_sentences(sentences: int) -> int:
    """Sentences in a block: 64, fewer in texts too small for a thousand such blocks."""
    return max(1, min(BLOCK_SENTENCES, sentences // _BLOCKS_AT_LEAST))


def choose_blocks(blocks: int, fraction: float, split_seed: int) -> np.ndarray:
    """Choose the blocks to hold out: those with the smallest draws.

    Block b draws 64 random bits, a function of (split_seed, b) alone, so that a larger fraction
    holds out the same blocks and more.

    Returns
    -------
    (blocks,) bool
        Exactly ``fraction * blocks`` of them are True, rounded.
    """
    draws = np.empty(blocks, dtype=np.uint64)
    _draw(stream_key(split_seed, "held-out blocks"), draws)
    number = math.floor(fraction * blocks + 0.5)
    heldout = np.zeros(blocks, dtype=bool)
    heldout[np.argsort(draws, kind="stable")[:number]] = True
    return heldout


def write_split(
    writer: ArrayWriter,
    raw: RawText,
    *,
    min_count: int,
    max_vocabulary: int | None,
    heldout_fraction: float,
    split_seed: int,
) -> int:
    """Split a text, write the arrays that `read_split` understands, and seal them.

    Goes twice over the text, in chunks.

    Returns
    -------
    int
        Number of held-out sentences.

    Raises
    ------
    InputError
        If the vocabulary would have fewer than two words.
    """
    sentences = len(raw.offsets) - 1
    size = block_sentences(sentences)
    blocks = choose_blocks(-(-sentences // size), heldout_fraction, split_seed)
    chosen = np.repeat(blocks, size)[:sentences]
    heldout, counts = _without_duplicates(raw, chosen)
    counts = raw.counts - counts
    types, words = choose_types(counts, raw.words, min_count, max_vocabulary)
    ids = np.full(len(raw.counts), -1, dtype=np.int32)
    ids[types] = np.arange(len(types), dtype=np.int32)

    _write_part(writer, "training", raw, ~chosen, ids)
    kept = _write_part(writer, "heldout", raw, heldout, ids)
    writer.append("vocabulary_counts", counts[types])
    text = "\n".join(words).encode("utf-8")
    writer.append("vocabulary_words", np.frombuffer(text, dtype=np.uint8))
    writer.seal({"heldout_sentences": kept})
    return kept


def read_split(stored: Arrays) -> Split:
    """Open what `write_split` wrote."""
    arrays = stored.arrays
    words = arrays["vocabulary_words"].tobytes().decode("utf-8").split("\n")
    return Split(
        Vocabulary(words, arrays["vocabulary_counts"]),
        EncodedText(arrays["training_tokens"], arrays["training_offsets"]),
        EncodedText(arrays["heldout_tokens"], arrays["heldout_offsets"]),
        stored.folder,
    )


def _without_duplicates(raw: RawText, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Leave out of the chosen sentences those that also occur among the others.

    Returns
    -------
    kept : (S,) bool
    counts : (T,) int64
        Of the word types in all the chosen sentences.
    """
    counts = np.zeros(len(raw.counts), dtype=np.int64)
    kept = chosen.copy()
    if not chosen.any():
        return kept, counts
    hashes = np.concatenate(
        [
            _hash_sentences(chunk.tokens, chunk.offsets, chosen[chunk.sentences])
            for chunk in _chunks(raw)
        ]
    )
    known = np.unique(hashes)
    also_trained = np.zeros(len(known), dtype=bool)
    for chunk in _chunks(raw):
        mask = chosen[chunk.sentences]
        _count_tokens(chunk.tokens, chunk.offsets, mask, counts)
        others = _hash_sentences(chunk.tokens, chunk.offsets, ~mask)
        places = np.minimum(np.searchsorted(known, others), len(known) - 1)
        also_trained[places[known[places] == others]] = True
    duplicates = also_trained[np.searchsorted(known, hashes)]
    kept[np.flatnonzero(chosen)[duplicates]] = False
    return kept, counts


def _write_part(
    writer: ArrayWriter, name: str, raw: RawText, keep: np.ndarray, ids: np.ndarray
) -> int:
    """Write the sentences of one part by vocabulary ids and give their number."""
    writer.append(f"{name}_tokens", np.empty(0, dtype=np.int32))
    writer.append(f"{name}_offsets", np.zeros(1, dtype=np.int64))
    tokens_before = 0
    sentences = 0
    for chunk in _chunks(raw):
        mask = keep[chunk.sentences]
        if not mask.any():
            continue
        tokens = np.empty(len(chunk.tokens), dtype=np.int32)
        ends = np.empty(len(mask), dtype=np.int64)
        found = _encode_sentences(chunk.tokens, chunk.offsets, mask, ids, tokens, ends)
        written = int(ends[found - 1]) if found else 0
        writer.append(f"{name}_tokens", tokens[:written])
        writer.append(f"{name}_offsets", ends[:found] + tokens_before)
        tokens_before += written
        sentences += found
    return sentences


class _Chunk(NamedTuple):
    tokens: np.ndarray  # of whole sentences
    offsets: np.ndarray  # relative to these tokens
    sentences: slice


def _chunks(raw: RawText) -> Iterator[_Chunk]:
    """Go through a text, of which no more is kept in memory than a chunk."""
    first, last = 0, len(raw.offsets) - 1
    while first < last:
        begin = int(raw.offsets[first])
        end = int(np.searchsorted(raw.offsets, begin + _CHUNK_TOKENS, side="right")) - 1
        end = min(max(end, first + 1), last)
        offsets = raw.offsets[first : end + 1] - begin
        yield _Chunk(raw.tokens[begin : int(raw.offsets[end])], offsets, slice(first, end))
        let_go(raw.tokens)
        let_go(raw.offsets)
        first = end


def _hash_sentences(tokens: np.ndarray, offsets: np.ndarray, keep: np.ndarray) -> np.ndarray:
    hashes = np.empty(int(keep.sum()), dtype=np.uint64)
    _hash_kept(tokens, offsets, keep, hashes)
    return hashes


@exact_kernel
def _draw(key, draws):  # type: ignore[no-untyped-def]
    """Fill `draws` (n,) uint64 with the first draws of stream `key`."""
    for block in range(draws.shape[0]):
        draws[block] = random_bits(key, block)


@exact_kernel
def _hash_kept(
    tokens: np.ndarray, offsets: np.ndarray, keep: np.ndarray, hashes: np.ndarray
) -> None:
    """Hash the word sequence of each sentence with ``keep[s]`` to 64 bits."""
    found = 0
    for sentence in range(keep.shape[0]):
        if keep[sentence]:
            hashed = _START
            for position in range(offsets[sentence], offsets[sentence + 1]):
                hashed = ((hashed ^ _word(tokens[position])) * _MULTIPLIER) & _MASK
                hashed ^= hashed >> _29
            hashes[found] = hashed
            found += 1


@exact_kernel
def _count_tokens(
    tokens: np.ndarray, offsets: np.ndarray, keep: np.ndarray, counts: np.ndarray
) -> None:
    """Add the tokens of sentences with ``keep[s]`` to `counts` (T,) int64."""
    for sentence in range(keep.shape[0]):
        if keep[sentence]:
            for position in range(offsets[sentence], offsets[sentence + 1]):
                counts[tokens[position]] += 1


@exact_kernel
def _encode_sentences(
    tokens: np.ndarray,
    offsets: np.ndarray,
    keep: np.ndarray,
    ids: np.ndarray,
    out_tokens: np.ndarray,
    out_ends: np.ndarray,
) -> int:
    """Copy sentences with ``keep[s]`` by their ids, without ids below 0 and empty sentences.

    Returns the number of sentences written; `out_ends` receives where each of them ends.
    """
    written = 0
    found = 0
    for sentence in range(keep.shape[0]):
        if keep[sentence]:
            before = written
            for position in range(offsets[sentence], offsets[sentence + 1]):
                word = ids[tokens[position]]
                if word >= 0:
                    out_tokens[written] = word
                    written += 1
            if written > before:
                out_ends[found] = written
                found += 1
    return found
