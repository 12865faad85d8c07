"""Held-out cross-entropy: how well a model predicts the words around the words of unseen text."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nw2v.errors import InputError
from nw2v.evaluation.sampling import sample_without_replacement
from nw2v.evaluation.statistics import calibration_error, ratio_and_standard_error
from nw2v.evaluation.workers import map_blocks
from nw2v.vectors.table import first_row_not_finite

if TYPE_CHECKING:
    from nw2v.corpus import EncodedText
    from nw2v.losses.objectives import Loss

# Logits that a thread holds at one time: 0.75 MB of float32, which stays in the cache of a core.
# A matrix product is fastest where neither side is short; several cores want several blocks.
_CENTERS_A_BLOCK = 384
_WORDS_A_BLOCK = 512
# A loss of another package is given whole rows of logits: 8 MB of float32.
_LOGITS_OF_WHOLE_ROWS = 2**21


@dataclass(frozen=True, eq=False)
class HeldoutPairs:
    """Pairs of a center word and an outside word, drawn from held-out text.

    Attributes
    ----------
    centers : numpy.ndarray, shape (C,), int32
        The center word at each sampled position, in the order of the text.
    offsets : numpy.ndarray, shape (C + 1,), int64
        The outside words of position i are ``outsides[offsets[i]:offsets[i + 1]]``.
    outsides : numpy.ndarray, shape (P,), int32
    sentences : numpy.ndarray, shape (C,), int64
        The sentence of each position.
    window : int
        Largest half-width of a window.
    subsample : float
        Threshold of the subsampling of frequent words; 0 if none are dropped.
    """

    centers: np.ndarray
    offsets: np.ndarray
    outsides: np.ndarray
    sentences: np.ndarray
    window: int
    subsample: float

    def __len__(self) -> int:
        """Number of pairs."""
        return len(self.outsides)


def draw_heldout_pairs(
    heldout: EncodedText,
    counts: np.ndarray,
    *,
    window: int = 5,
    subsample: float = 1e-4,
    centers: int = 5000,
    seed: int = 0,
) -> HeldoutPairs:
    """Draw the pairs on which models are compared: a function of its arguments alone.

    Each token is kept with probability ``min(1, sqrt(t / f) + t / f)``, where f is the relative
    frequency of its word in the training part and t the threshold `subsample`. The text closes
    up over the words that are dropped, and each kept word has a half-width drawn uniformly from
    1 to `window`, within which the kept words of its sentence are its outside words: the law by
    which the stream trainer draws its own pairs. Among the kept words with at least one outside
    word, `centers` are then chosen at random without replacement, with all their outside words.

    Parameters
    ----------
    heldout : EncodedText
    counts : numpy.ndarray, shape (V,), int
        Occurrences of each word in the training part, at least 1.
    window : int
        At least 1.
    subsample : float
        t, at least 0; 0 keeps every token.
    centers : int
        At least 1. If the text has fewer, all are taken.
    seed : int
        Decides every random choice; in a run this is ``evaluation.split_seed``.

    Returns
    -------
    HeldoutPairs
        Without pairs if the text is empty or no sentence keeps two words.

    Raises
    ------
    InputError
        If an argument is out of its range or the text has a word that `counts` does not.
    """
    from nw2v.evaluation.heldout_windows import (
        ChosenPairs,
        candidates_per_sentence,
        copy_chosen,
    )
    from nw2v.jit.random import stream_key
    from nw2v.kernels.stream import Text, new_windows, window_law

    window = _whole("evaluation.window", window, least=1)
    centers = _whole("evaluation.heldout_centers", centers, least=1)
    seed = _whole("evaluation.split_seed", seed, least=None)
    if not isinstance(subsample, numbers.Real) or not 0 <= subsample < math.inf:
        raise InputError(
            f"evaluation.subsample must be a finite number of at least 0, got {subsample!r}"
        )
    counts = _checked_counts(counts)
    text = Text(
        np.ascontiguousarray(heldout.tokens, dtype=np.int32),
        np.ascontiguousarray(heldout.offsets, dtype=np.int64),
    )
    if len(text.tokens) and not (text.tokens.min() >= 0 and text.tokens.max() < len(counts)):
        raise InputError(
            f"held-out text has word ids from {text.tokens.min()} to {text.tokens.max()}, but "
            f"counts has {len(counts)} words: both must come from the same split"
        )

    law = window_law(counts, window=window, subsample=float(subsample), shrink=True)
    key = stream_key(seed, "held-out windows")
    lengths = np.diff(text.offsets)
    windows = new_windows(int(lengths.max(initial=0)))
    candidates = np.zeros(len(text.offsets) - 1, dtype=np.int64)
    candidates_per_sentence(text, law, key, windows, candidates)
    ends = np.cumsum(candidates)
    population = int(ends[-1]) if len(ends) else 0
    chosen = sample_without_replacement(population, centers, stream_key(seed, "held-out"))

    sentences = np.searchsorted(ends, chosen, side="right")
    most_outsides = np.minimum(2 * window, lengths[sentences] - 1)
    pairs = ChosenPairs(
        centers=np.zeros(len(chosen), dtype=np.int32),
        offsets=np.zeros(len(chosen) + 1, dtype=np.int64),
        outsides=np.zeros(most_outsides.sum(), dtype=np.int32),
    )
    before = ends - candidates
    copy_chosen(text, law, key, windows, sentences, chosen - before[sentences], pairs)
    return HeldoutPairs(
        centers=pairs.centers,
        offsets=pairs.offsets,
        outsides=pairs.outsides[: pairs.offsets[-1]].copy(),
        sentences=sentences,
        window=window,
        subsample=float(subsample),
    )


@dataclass(frozen=True, eq=False)
class HeldoutScores:
    """What a model makes of each held-out center, in the order of the `HeldoutPairs`.

    Models that are scored on the same pairs can be compared center by center: see
    `cross_entropy_difference`.

    Attributes
    ----------
    own_loss : numpy.ndarray, shape (C,), float64
        The run's own loss, in expectation over negatives, summed over the center's pairs.
    surprise : numpy.ndarray, shape (C,), float64
        -log p(o|c) under the normalised model, summed over the center's pairs.
    log_partition : numpy.ndarray, shape (C,), float64, or None
        log Z_c of negative sampling's unnormalised model; None for other losses.
    confidence : numpy.ndarray, shape (C,), float64
        Probability of the most probable outside word.
    hits : numpy.ndarray, shape (C,), int64
        How many of the center's pairs have that word.
    """

    own_loss: np.ndarray
    surprise: np.ndarray
    log_partition: np.ndarray | None
    confidence: np.ndarray
    hits: np.ndarray


def heldout_scores(
    pairs: HeldoutPairs,
    center_vectors: np.ndarray,
    outside_vectors: np.ndarray,
    loss: Loss,
    counts: np.ndarray,
    noise: np.ndarray | None = None,
    *,
    threads: int | None = None,
) -> HeldoutScores:
    r"""Score a model on held-out pairs, center by center.

    The normalised model is ``p(o|c) = softmax(U v_c + log_prior)[o]`` over the whole vocabulary:
    `log_prior` is 0 for naive softmax, and log P(o) of the noise distribution for negative
    sampling, whose optimum is ``u_o . v_c = log p(o|c) - log K P(o)`` (Levy and Goldberg 2014).
    As it stands, that optimum is the unnormalised model ``K P(o) exp(u_o . v_c)``, with the
    partition function ``Z_c = K sum_w P(w) exp(u_w . v_c)``.

    Parameters
    ----------
    pairs : HeldoutPairs
    center_vectors, outside_vectors : numpy.ndarray, shape (V, d)
        V and U; all numbers finite.
    loss : Loss
        The loss that the model was trained with.
    counts : numpy.ndarray, shape (V,), int
        Occurrences of each word in the training part, at least 1.
    noise : numpy.ndarray, shape (V,), or None
        The noise distribution that was sampled; None: the loss's own for `counts`.
    threads : int or None
        None: all cores. The scores do not depend on it.

    Returns
    -------
    HeldoutScores
        Of no centers if there are no pairs.

    Raises
    ------
    InputError
        If the shapes do not go together, a vector is not finite, or a pair has a word that
        `counts` does not.
    """
    from nw2v.losses.objectives import NegativeSampling

    counts = _checked_counts(counts)
    v = _checked_vectors("center_vectors", center_vectors, len(counts))
    u = _checked_vectors("outside_vectors", outside_vectors, len(counts))
    if v.shape[1] != u.shape[1]:
        raise InputError(
            f"center_vectors and outside_vectors must have the same dimension, got {v.shape[1]} "
            f"and {u.shape[1]}"
        )
    if len(pairs) and max(pairs.centers.max(), pairs.outsides.max()) >= len(counts):
        raise InputError(
            f"held-out pairs have words beyond the {len(counts)} of counts: both must come from "
            "the same split"
        )
    if noise is None:
        noise = loss.noise_distribution(counts)
    log_prior = loss.log_prior(noise)
    for name, array in (("noise", noise), ("the loss's log_prior", log_prior)):
        if array is not None and np.shape(array) != (len(counts),):
            raise InputError(
                f"{name} must have one number a word, ({len(counts)},), got shape {np.shape(array)}"
            )

    # One row of logits serves all positions of the same center word; before training, when all
    # outside vectors are zero, it serves those of any.
    centers = pairs.centers if u.any() else np.zeros_like(pairs.centers)
    order = np.argsort(centers, kind="stable")
    words, starts = np.unique(centers[order], return_index=True)
    starts = np.append(starts, len(order))

    @np.errstate(over="ignore", invalid="ignore")  # scores that overflow are reported below
    def score(first: int) -> tuple[np.ndarray, HeldoutScores]:
        block = words[first : first + _CENTERS_A_BLOCK]
        positions = order[starts[first] : starts[first + len(block)]]
        row_of_position = np.repeat(
            np.arange(len(block)), np.diff(starts[first : first + len(block) + 1])
        )
        sizes = pairs.offsets[positions + 1] - pairs.offsets[positions]
        row_of_pair = np.repeat(row_of_position, sizes)
        outsides = pairs.outsides[_ranges(pairs.offsets[positions], sizes)]

        sums = _vocabulary_sums(v[block], u, loss, log_prior, noise)
        scores = _pair_scores(v, u, block[row_of_pair], outsides)
        own = np.asarray(loss.pair_terms(scores), dtype=np.float64) + sums.center_terms[row_of_pair]
        if log_prior is not None:
            scores += np.asarray(log_prior, dtype=np.float64)[outsides]
        surprise = sums.log_normalisers[row_of_pair] - scores
        hit = outsides == sums.likeliest[row_of_pair]

        ends = np.cumsum(sizes)
        return positions, HeldoutScores(
            own_loss=_sums(own, ends),
            surprise=_sums(surprise, ends),
            log_partition=log_negatives + sums.log_normalisers[row_of_position],
            confidence=sums.confidence[row_of_position],
            hits=_sums(hit.astype(np.int64), ends),
        )

    log_negatives = math.log(loss.negatives) if isinstance(loss, NegativeSampling) else 0.0
    size = len(pairs.centers)
    whole = HeldoutScores(
        own_loss=np.empty(size),
        surprise=np.empty(size),
        log_partition=np.empty(size),
        confidence=np.empty(size),
        hits=np.empty(size, dtype=np.int64),
    )
    for positions, part in map_blocks(score, range(0, len(words), _CENTERS_A_BLOCK), threads):
        for name, values in vars(part).items():
            getattr(whole, name)[positions] = values

    if not (np.isfinite(whole.own_loss).all() and np.isfinite(whole.surprise).all()):
        raise InputError(
            "scores of center and outside vectors overflow: the vectors are too long, training has "
            "diverged; try a smaller learning rate"
        )
    if not isinstance(loss, NegativeSampling):
        return replace(whole, log_partition=None)
    return whole


def heldout_metrics(
    pairs: HeldoutPairs,
    center_vectors: np.ndarray,
    outside_vectors: np.ndarray,
    loss: Loss,
    counts: np.ndarray,
    noise: np.ndarray | None = None,
    *,
    threads: int | None = None,
) -> dict[str, float]:
    """Score a model on held-out pairs, under the metrics' MLflow names.

    Parameters
    ----------
    pairs, center_vectors, outside_vectors, loss, counts, noise, threads
        As in `heldout_scores`, which computes what these metrics are means of.

    Returns
    -------
    dict of str to float
        Empty if there are no pairs, else

        - ``valid/loss``: the run's own loss, mean a pair, in expectation over negatives;
        - ``valid/cross_entropy``: mean of ``-log p(o|c)``, in nats a pair;
        - ``valid/cross_entropy_standard_error``: see `ratio_and_standard_error`, clusters are
          sentences; left out if all pairs come from one sentence;
        - ``valid/cross_entropy_unigram``: the cross-entropy on the same pairs of a model that
          knows only word frequencies: p(o) proportional to count_o keep_o, the expected number
          of tokens of o in the training part that subsampling keeps;
        - ``valid/perplexity``: exp of the cross-entropy;
        - ``valid/calibration_error``: see `calibration_error`, of the most probable outside word;

        and for negative sampling

        - ``valid/cross_entropy_self_normalised``: mean of ``-log K P(o) exp(u_o . v_c)``;
        - ``valid/log_partition_mean``, ``valid/log_partition_standard_deviation``: of log Z_c over
          the pairs. The mean is what the cross-entropy is above the self-normalised one.

    Raises
    ------
    InputError
        If the shapes do not go together, a vector is not finite, or a pair has a word that
        `counts` does not.
    """
    scores = heldout_scores(
        pairs, center_vectors, outside_vectors, loss, counts, noise, threads=threads
    )
    if len(pairs) == 0:
        return {}
    sizes = np.diff(pairs.offsets)
    mean, standard_error = ratio_and_standard_error(scores.surprise, sizes, pairs.sentences)
    metrics = {
        "valid/loss": float(scores.own_loss.sum() / sizes.sum()),
        "valid/cross_entropy": mean,
        "valid/cross_entropy_standard_error": standard_error,
        "valid/cross_entropy_unigram": _unigram_cross_entropy(pairs, _checked_counts(counts)),
        "valid/perplexity": math.exp(mean) if mean < 700 else math.inf,
        "valid/calibration_error": calibration_error(scores.confidence, scores.hits, sizes),
    }
    if scores.log_partition is not None:
        log_z = float(np.average(scores.log_partition, weights=sizes))
        variance = float(np.average((scores.log_partition - log_z) ** 2, weights=sizes))
        metrics |= {
            "valid/cross_entropy_self_normalised": mean - log_z,
            "valid/log_partition_mean": log_z,
            "valid/log_partition_standard_deviation": math.sqrt(variance),
        }
    if math.isnan(standard_error):
        del metrics["valid/cross_entropy_standard_error"]
    return metrics


def _unigram_cross_entropy(pairs: HeldoutPairs, counts: np.ndarray) -> float:
    from nw2v.corpus.subsampling import keep_probabilities

    expected = counts * keep_probabilities(counts, pairs.subsample)
    return float(np.mean(np.log(expected.sum()) - np.log(expected[pairs.outsides])))


class _VocabularySums(NamedTuple):
    """Of each center of a block, what is summed over the vocabulary."""

    log_normalisers: np.ndarray  # (B,) float64: log sum_w exp(u_w . v_c + log_prior_w)
    center_terms: np.ndarray  # (B,) float64: as `Loss.center_terms` gives them
    likeliest: np.ndarray  # (B,) int64: the most probable outside word
    confidence: np.ndarray  # (B,) float64: its probability


def _vocabulary_sums(
    v: np.ndarray,
    u: np.ndarray,
    loss: Loss,
    log_prior: np.ndarray | None,
    noise: np.ndarray | None,
) -> _VocabularySums:
    """Sum over the vocabulary for each center of a block.

    The losses of this package need no logits beyond those of the sweep that finds the normalisers:
    their own definition, `Loss.center_terms`, is what this is tested against.
    """
    from nw2v.kernels.logit_sums import add_logits, no_logits_yet
    from nw2v.losses.objectives import NaiveSoftmax, NegativeSampling

    sampled = type(loss) is NegativeSampling
    prior = np.asarray(np.zeros(len(u)) if log_prior is None else log_prior, np.float32)
    weights = np.asarray(noise, np.float32) if sampled else np.empty(0, dtype=np.float32)
    sums = no_logits_yet(len(v))
    for first in range(0, len(u), _WORDS_A_BLOCK):
        here = slice(first, first + _WORDS_A_BLOCK)
        add_logits(first, v @ u[here].T, prior[here], weights[here], sums)
    log_normalisers = sums.log_normalisers()
    if type(loss) is NegativeSampling:
        center_terms = loss.negatives * sums.softplus
    elif type(loss) is NaiveSoftmax:
        center_terms = log_normalisers
    else:
        center_terms = np.empty(len(v))
        rows_at_once = max(1, _LOGITS_OF_WHOLE_ROWS // len(u))
        for first in range(0, len(v), rows_at_once):
            rows = slice(first, first + rows_at_once)
            center_terms[rows] = loss.center_terms(v[rows] @ u.T, noise)
    return _VocabularySums(log_normalisers, center_terms, sums.likeliest, 1 / sums.exponentials)


def _pair_scores(
    v: np.ndarray, u: np.ndarray, centers: np.ndarray, outsides: np.ndarray
) -> np.ndarray:
    from nw2v.evaluation.heldout_windows import pair_scores

    scores = np.empty(len(centers))
    pair_scores(v, u, centers, outsides, scores)
    return scores


def _ranges(starts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Concatenate ``start, start + 1, ...`` of each size."""
    before = np.cumsum(sizes) - sizes
    return np.repeat(starts - before, sizes) + np.arange(sizes.sum())


def _sums(values: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Sums of consecutive stretches of `values`, none of them empty, that end at `ends`."""
    return np.add.reduceat(values, np.concatenate([[0], ends[:-1]]))


def _whole(key: str, value: int, *, least: int | None) -> int:
    if (
        isinstance(value, bool)
        or not isinstance(value, numbers.Integral)
        or (least is not None and value < least)
    ):
        expected = "an integer" if least is None else f"an integer of at least {least}"
        raise InputError(f"{key} must be {expected}, got {value!r}")
    return int(value)


def _checked_counts(counts: np.ndarray) -> np.ndarray:
    counts = np.asarray(counts)
    if counts.ndim != 1 or len(counts) == 0 or counts.dtype.kind not in "iuf":
        raise InputError(
            f"counts must be an array of numbers, one a word; got {counts.dtype} of shape "
            f"{counts.shape}"
        )
    if not counts.min() >= 1:
        raise InputError(f"counts must be at least 1 for every word, got {counts.min()}")
    return counts.astype(np.float64)


def _checked_vectors(name: str, vectors: np.ndarray, words: int) -> np.ndarray:
    vectors = np.asarray(vectors)
    if vectors.ndim != 2 or vectors.shape[0] != words or vectors.dtype.kind != "f":
        raise InputError(
            f"{name} must be floats of shape ({words}, d), got {vectors.dtype} of shape "
            f"{vectors.shape}"
        )
    vectors = vectors.astype(np.float32, copy=False)
    row = first_row_not_finite(vectors)
    if row is not None:
        raise InputError(f"{name} has a number that is not finite in row {row}")
    return vectors
