"""L-BFGS on counts: it finds what SciPy's finds, and its passes are steps of an explicit state."""

from __future__ import annotations

import io

import numpy as np
import pytest

import nw2v
from nw2v.errors import InputError
from nw2v.kernels.exact_tiles import Counts
from nw2v.losses import make_loss
from nw2v.losses.whole_corpus import whole_corpus_loss_and_gradient
from nw2v.training.lbfgs import LbfgsTrainer, memory_of
from nw2v.training.loss_over_counts import LossOverCounts
from nw2v.training.parameters import Parameters
from nw2v.training.progress import ProgressBar
from nw2v.training.reference_optimum import reference_optimum
from nw2v.training.settings import TrainingSettings
from nw2v.training.trainer import Progress

WORDS, TOKENS, K = 30, 1000, 3
LOSSES = ["naive_softmax", "negative_sampling"]


def example():
    generator = np.random.default_rng(1)
    dense = generator.integers(1, 20, (WORDS, WORDS)).astype(np.float32)
    dense[7] = 0  # a word without pairs
    rows, words = np.nonzero(dense)
    offsets = np.searchsorted(rows, np.arange(WORDS + 1)).astype(np.int64)
    counts = Counts(
        offsets, words.astype(np.int32), dense[rows, words], dense.sum(axis=1, dtype=np.float64)
    )
    return dense, counts, generator.integers(1, 100, WORDS)


def trained(loss, *, dim=8, threads=1, reports=None, **options):
    _, counts, occurrences = example()
    settings = TrainingSettings(
        loss=loss, negatives=K, trainer="cooccurrence", optimizer="lbfgs", dim=dim, threads=threads,
        **options,
    ).resolved(occurrences)  # fmt: skip
    parameters = Parameters(WORDS, dim, seed=1, initial_scale=8.0)
    trainer = LbfgsTrainer(
        LossOverCounts(counts, occurrences, settings), TOKENS, parameters, settings
    )
    trainer.prepare()
    estimate = trainer.estimated_seconds()
    assert estimate is not None and estimate > 0
    for epoch in range(trainer.epochs):
        trainer.run_epoch(epoch, ([] if reports is None else reports).append)
    return trainer


def start(dim):
    parameters = Parameters(WORDS, dim, seed=1, initial_scale=8.0)
    return parameters.center_vectors.copy(), parameters.outside_vectors.copy()


@pytest.mark.parametrize("loss", LOSSES)
def test_it_finds_the_optimum_that_scipy_finds(loss):
    dense, _, occurrences = example()
    objective = make_loss(loss, negatives=K)
    noise = objective.noise_distribution(occurrences)
    centers = WORDS - 1
    # Room for all scores: the loss with its L2 term has one lowest value, wherever one begins.
    decay = 0.1 / centers  # of the mean loss a pair
    V, U = start(WORDS)
    expected, v, u = reference_optimum(
        dense, V, U, objective, noise, weight_decay=decay, iterations=2000
    )
    reports: list[Progress] = []
    trainer = trained(loss, dim=WORDS, epochs=100, weight_decay=0.1, reports=reports)
    V, U = (
        x.astype(float)
        for x in (trainer.parameters.center_vectors, trainer.parameters.outside_vectors)
    )
    found = reports[-1].loss / reports[-1].pairs + decay / 2 * ((V**2).sum() + (U**2).sum())
    assert found == pytest.approx(expected + decay / 2 * ((v**2).sum() + (u**2).sum()), abs=2e-5)
    np.testing.assert_allclose(V @ U.T, v @ u.T, atol=0.03)


@pytest.mark.parametrize("loss", LOSSES)
def test_each_pass_lowers_loss_and_decay_together(loss):
    reports: list[Progress] = []
    trainer = trained(loss, epochs=40, weight_decay=0.05, reports=reports)
    losses = [report.loss / report.pairs for report in reports]
    assert losses[-1] < losses[0] < trainer.initial_loss
    assert [report.step for report in reports] == [TOKENS * (n + 1) for n in range(40)]
    assert {report.tokens for report in reports} == {TOKENS}
    assert np.mean([report.learning_rate == 1.0 for report in reports]) > 0.7
    values = []
    for epochs in (5, 10, 20):
        part = trained(loss, epochs=epochs, weight_decay=0.05)
        V, U = part.parameters.center_vectors, part.parameters.outside_vectors
        dense, _, occurrences = example()
        objective = make_loss(loss, negatives=K)
        noise = objective.noise_distribution(occurrences)
        exact = whole_corpus_loss_and_gradient(
            dense.astype(float), V.astype(float), U.astype(float), objective, noise
        )
        mean = exact[0] / dense.sum()
        assert mean == pytest.approx(losses[epochs - 1], rel=1e-5)
        values.append((WORDS - 1) * mean + 0.025 * float((V**2).sum() + (U**2).sum()))
    assert values[0] > values[1] > values[2]


@pytest.mark.parametrize("loss", LOSSES)
def test_any_number_of_threads_gives_the_same_bits(loss):
    one, several = (trained(loss, epochs=15, threads=threads) for threads in (1, 3))
    np.testing.assert_array_equal(one.parameters.centers, several.parameters.centers)
    np.testing.assert_array_equal(one.parameters.outsides, several.parameters.outsides)


def test_once_there_further_passes_change_nothing():
    """The vectors that float32 losses cannot tell from better ones stay as they are."""
    reports: list[Progress] = []
    trainer = trained("naive_softmax", dim=2, epochs=400, weight_decay=1.0, reports=reports)
    assert trainer._converged and reports[-1].learning_rate == 0
    before = trainer.parameters.centers.copy()
    trainer.run_epoch(400, reports.append)
    np.testing.assert_array_equal(trainer.parameters.centers, before)
    assert reports[-1].loss == reports[-2].loss


def test_what_does_not_fit_the_memory_limit_is_refused():
    sentences = [[f"w{n % 300}", f"w{n * 7 % 300}", "a"] for n in range(2000)]
    corpus = nw2v.Corpus.from_sentences(sentences, min_count=1)
    with pytest.raises(InputError, match=r"lbfgs: \d+ words in 1,000 dimensions need 1\d\d MiB"):
        nw2v.train(
            corpus, trainer="cooccurrence", optimizer="lbfgs", dim=1000, memory_limit=50,
            heldout_fraction=0.0,
        )  # fmt: skip
    assert memory_of(20_000, 100) == 30 * 8 * 2 * 2_000_000


def test_settings_of_lbfgs_stay_unset_where_it_has_none():
    resolved = TrainingSettings(trainer="cooccurrence", optimizer="lbfgs").resolved()
    assert resolved.resolved() is resolved
    assert resolved.learning_rate is None and resolved.batch_centers is None
    assert resolved.epochs and resolved.weight_decay is not None and resolved.memory_limit


@pytest.mark.parametrize("loss", LOSSES)
def test_a_model_is_trained_and_its_history_told_by_pass(loss):
    generator = np.random.default_rng(1)
    sentences = [
        [f"{'ab'[n % 2]}{word}" for word in generator.integers(0, 10, 8)] for n in range(400)
    ]
    corpus = nw2v.Corpus.from_sentences(sentences, min_count=1)
    told = io.StringIO()
    model = nw2v.train(
        corpus, loss=loss, trainer="cooccurrence", optimizer="lbfgs", dim=4, epochs=12,
        subsample=0.0, heldout_fraction=0.1, evaluation_subsample=0.0,
        callbacks=[ProgressBar(told)],
    )  # fmt: skip
    assert ", L-BFGS\n" in told.getvalue() and "training: pass 12," in told.getvalue()
    losses = model.history["train/loss"].dropna()
    assert len(losses) == 12 and losses.iloc[-1] < losses.iloc[0]
    assert model.metrics["valid/cross_entropy"] < model.metrics["valid/cross_entropy_unigram"]
