"""The loss of a whole corpus and its gradient, from co-occurrence counts: the readable reference.

With n_co the (expected) counts of center word c and outside word o, n_c = sum_o n_co, logits
X = V U^T and the residuals R = dJ/dX:

    naive softmax      J = sum_c [ n_c logsumexp(X_c) - sum_o n_co X_co ]
                       R = diag(n_c) Y-hat - N
    negative sampling  J = sum_co n_co softplus(-X_co) + K sum_c n_c sum_w P(w) softplus(X_cw)
                       R = K n_c P^T * sigma(X) - N * sigma(-X)

    dJ/dV = R U,  dJ/dU = R^T V

(docs/derivations.md, section 8.) All logits are held at one time: for small vocabularies.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp, softmax

from nw2v.losses.activations import sigmoid
from nw2v.losses.objectives import Loss, NaiveSoftmax, NegativeSampling


def whole_corpus_loss_and_gradient(
    counts: npt.NDArray[np.floating],
    center_vectors: npt.NDArray[np.floating],
    outside_vectors: npt.NDArray[np.floating],
    loss: Loss,
    noise: npt.NDArray[np.floating] | None = None,
) -> tuple[float, npt.NDArray[np.floating], npt.NDArray[np.floating]]:
    """Sum of the loss over all pairs, each as often as it is counted, and its gradient.

    Parameters
    ----------
    counts : (C, V) array
        n_co, a row for each center word.
    center_vectors : (C, d) array
    outside_vectors : (V, d) array
    loss : NaiveSoftmax or NegativeSampling
    noise : (V,) array, optional
        The noise distribution P of negative sampling.

    Returns
    -------
    loss : float
    gradient_centers : (C, d) array
    gradient_outsides : (V, d) array
        Both of the type of the vectors.

    Raises
    ------
    TypeError
        For another loss.
    """
    logits = center_vectors @ outside_vectors.T
    totals = counts.sum(axis=1, keepdims=True)
    if isinstance(loss, NaiveSoftmax):
        value = float((totals[:, 0] * logsumexp(logits, axis=1)).sum() - (counts * logits).sum())
        residuals = totals * softmax(logits, axis=1) - counts
    elif isinstance(loss, NegativeSampling):
        assert noise is not None
        weights = loss.negatives * totals * noise
        value = float(
            (counts * np.logaddexp(0, -logits)).sum() + (weights * np.logaddexp(0, logits)).sum()
        )
        residuals = weights * sigmoid(logits) - counts * sigmoid(-logits)
    else:
        raise TypeError(f"no exact gradient is known for the loss {loss!r}")
    return value, residuals @ outside_vectors, residuals.T @ center_vectors
