"""Compiled: the best answer to each analogy question, from the similarities of its words."""

from __future__ import annotations

import numpy as np

from nw2v.jit import kernel
from nw2v.vectors.word_vectors import COSMUL_EPSILON

_EPSILON = np.float32(COSMUL_EPSILON)


@kernel
def search(similarities, first, same_word, questions, multiply, scratch, best, found):  # type: ignore[no-untyped-def]
    """Search one block of the vocabulary for better answers than those found before.

    For each question q with words a, b, c, over the words x = first, first + 1, ... of the block
    (similarities ``s[w, x]``, shape (words of the chunk, words of the block)):

    - sum: ``s[b, x] - s[a, x] + s[c, x]``
    - product: ``s[b, x] / (s[a, x] + epsilon) * s[c, x]``

    A word that is the `same_word` as an excluded one is passed over. `best` and `found` are the
    best score and its word so far; a tie keeps the earlier word.
    """
    size = similarities.shape[1]
    shared = scratch[:size]
    last_a, last_b = -1, -1
    for q in range(questions.words.shape[0]):
        a, b, c = questions.words[q, 0], questions.words[q, 1], questions.words[q, 2]
        if a != last_a or b != last_b:
            _combine(similarities[a], similarities[b], multiply, shared)
            last_a, last_b = a, b
        other = similarities[c]
        top = best[q]
        # Nearly always nothing in a block is better, and that is known without a branch a word.
        if multiply:
            better = _any_product_above(shared, other, top)
        else:
            better = _any_sum_above(shared, other, top)
        if not better:
            continue
        for x in range(size):
            score = shared[x] * other[x] if multiply else shared[x] + other[x]
            if score > top:
                word = same_word[first + x]
                if (
                    word != questions.excluded[q, 0]
                    and word != questions.excluded[q, 1]
                    and word != questions.excluded[q, 2]
                ):
                    top = score
                    found[q] = first + x
        best[q] = top


@kernel
def _combine(similarity_a, similarity_b, multiply, shared):  # type: ignore[no-untyped-def]
    if multiply:
        for x in range(shared.size):
            shared[x] = similarity_b[x] / (similarity_a[x] + _EPSILON)
    else:
        for x in range(shared.size):
            shared[x] = similarity_b[x] - similarity_a[x]


@kernel
def _any_sum_above(shared, other, top):  # type: ignore[no-untyped-def]
    above = False
    for x in range(shared.size):
        above |= shared[x] + other[x] > top
    return above


@kernel
def _any_product_above(shared, other, top):  # type: ignore[no-untyped-def]
    above = False
    for x in range(shared.size):
        above |= shared[x] * other[x] > top
    return above
