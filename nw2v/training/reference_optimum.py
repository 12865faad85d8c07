"""The optimum of a loss over co-occurrence counts, by L-BFGS: for small vocabularies."""

from __future__ import annotations

import numpy as np

from nw2v.errors import InputError
from nw2v.losses import Loss
from nw2v.losses.whole_corpus import whole_corpus_loss_and_gradient

LARGEST_VOCABULARY = 5_000


def reference_optimum(
    counts: np.ndarray,
    center_vectors: np.ndarray,
    outside_vectors: np.ndarray,
    loss: Loss,
    noise: np.ndarray | None = None,
    *,
    weight_decay: float = 0.0,
    iterations: int = 500,
) -> tuple[float, np.ndarray, np.ndarray]:
    """Minimise the mean loss of a pair, in float64, from given vectors (Liu and Nocedal 1989).

    All logits are held at one time. The loss is not convex in V and U together: what is found is
    a stationary point that depends on where it begins.

    Parameters
    ----------
    counts : (V, V) array
        n_co, a row for each center word.
    center_vectors, outside_vectors : (V, d) array
        Where it begins; not changed.
    loss : NaiveSoftmax or NegativeSampling
    noise : (V,) array, optional
        The noise distribution of negative sampling.
    weight_decay : float
        Half of it times the sum of squares of all vectors is added to the mean loss.
    iterations : int
        At most so many.

    Returns
    -------
    loss : float
        Mean over pairs, without the part of the weight decay.
    center_vectors, outside_vectors : (V, d) float64 array

    Raises
    ------
    InputError
        If the vocabulary is larger than 5,000 words or there are no counts.
    """
    from scipy.optimize import minimize

    shape = center_vectors.shape
    if shape[0] > LARGEST_VOCABULARY:
        raise InputError(
            f"the reference optimum holds all logits: expected at most {LARGEST_VOCABULARY:,} "
            f"words, got {shape[0]:,}"
        )
    pairs = float(np.sum(counts, dtype=np.float64))
    if not pairs > 0:
        raise InputError("the reference optimum needs pairs of words: all counts are 0")
    counts = np.asarray(counts, dtype=np.float64)

    def mean_loss(x: np.ndarray) -> tuple[float, np.ndarray]:
        v, u = x.reshape(2, *shape)
        value, *gradients = whole_corpus_loss_and_gradient(counts, v, u, loss, noise)
        gradient = np.concatenate([g.ravel() for g in gradients]) / pairs
        return value / pairs + weight_decay / 2 * float(x @ x), gradient + weight_decay * x

    start = np.concatenate([center_vectors.ravel(), outside_vectors.ravel()]).astype(np.float64)
    found = minimize(
        mean_loss, start, jac=True, method="L-BFGS-B",
        options={"maxiter": iterations, "maxfun": 2 * iterations, "maxcor": 20},
    )  # fmt: skip
    v, u = found.x.reshape(2, *shape)
    return float(found.fun - weight_decay / 2 * (found.x @ found.x)), v, u
