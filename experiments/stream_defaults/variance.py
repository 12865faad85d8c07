"""How much of the variance of negatives' gradients is known beforehand, as training goes on.

    python experiments/stream_defaults/variance.py --corpus FILE

For some centers, all words are taken as negatives, each with its probability: the trace of the
covariance of a negative's gradient for the center's vector, as it is and less what is expected of
the word (docs/derivations.md, section 10).
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

import nw2v
from nw2v.corpus.subsampling import keep_probabilities
from nw2v.losses import NegativeSampling, sigmoid
from nw2v.training import Callback, Report, TrainingStart

CENTERS = 400


def covariance(weights: np.ndarray, outsides: np.ndarray, noise: np.ndarray) -> float:
    """Mean over centers of the trace of Cov[weights[c, w] * outsides[w]], w from the noise."""
    squares = weights**2 @ (noise * (outsides**2).sum(axis=1))
    means = (weights * noise) @ outsides
    return float((squares - (means**2).sum(axis=1)).mean())


class Variance(Callback):
    """Prints, after each pass, the variance without and with what is expected."""

    def __init__(self, counts: np.ndarray) -> None:
        kept = counts * keep_probabilities(counts, 1e-4)
        draws = np.random.default_rng(1)
        self.centers = draws.choice(len(counts), CENTERS, p=kept / kept.sum())
        self.noise = NegativeSampling(5).noise_distribution(counts)

    def started(self, start: TrainingStart) -> None:
        """Keep the parameters at hand."""
        self.parameters = start.parameters

    def epoch(self, report: Report) -> None:
        """Print the variance after a pass."""
        if report.epoch == 0:
            return
        outsides = self.parameters.outside_vectors.astype(np.float64)
        sigmas = sigmoid(self.parameters.center_vectors[self.centers] @ outsides.T)
        plain = covariance(sigmas, outsides, self.noise)
        less = covariance(sigmas - sigmas.mean(axis=0), outsides, self.noise)
        told = f"{plain:.3f}, less what is expected {less:.3f}, {less / plain:.0%}"
        print(f"pass {report.epoch}: {told}")


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--corpus", required=True, help="a file")
    options = parser.parse_args(arguments)
    corpus = nw2v.Corpus.from_file(options.corpus)
    counts = corpus.split(0.0, 0).vocabulary.counts
    nw2v.train(corpus, heldout_fraction=0.0, callbacks=[Variance(np.asarray(counts))])


if __name__ == "__main__":
    main(sys.argv[1:])
