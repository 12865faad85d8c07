"""The exact trainer: what its steps are, that it learns, and that it repeats."""

from __future__ import annotations

import numpy as np
import pytest

from nw2v.errors import InputError
from nw2v.jit.random import random_order, stream_key
from nw2v.kernels.exact_tiles import Counts
from nw2v.losses import make_loss
from nw2v.losses.whole_corpus import whole_corpus_loss_and_gradient
from nw2v.training.cooccurrence import CooccurrenceTrainer
from nw2v.training.loss_over_counts import LossOverCounts
from nw2v.training.parameters import Parameters
from nw2v.training.settings import TrainingSettings
from nw2v.training.trainer import Progress

VOCABULARY, TOKENS = 60, 1000
LOSSES = ["naive_softmax", "negative_sampling"]


def example(seed=1):
    generator = np.random.default_rng(seed)
    dense = generator.gamma(0.5, 4.0, (VOCABULARY, VOCABULARY)).astype(np.float32)
    dense *= generator.random(dense.shape) < 0.2
    dense[7] = 0  # a word without pairs
    rows, words = np.nonzero(dense)
    offsets = np.searchsorted(rows, np.arange(VOCABULARY + 1)).astype(np.int64)
    row_sums = dense.sum(axis=1, dtype=np.float64)
    counts = Counts(offsets, words.astype(np.int32), dense[rows, words], row_sums)
    return dense, counts, generator.integers(1, 100, VOCABULARY)


def trainer_for(counts, occurrences, **options):
    given = {"dim": 8, "epochs": 3, "threads": 1, "batch_centers": 16, "negatives": 3, **options}
    settings = TrainingSettings(trainer="cooccurrence", **given).resolved(occurrences)
    parameters = Parameters(VOCABULARY, 8, seed=1, initial_scale=8.0)
    trainer = CooccurrenceTrainer(
        LossOverCounts(counts, occurrences, settings), TOKENS, parameters, settings
    )
    trainer.prepare()
    return trainer


def random_vectors():
    return 0.5 * np.random.default_rng(3).normal(size=(2, VOCABULARY, 8)).astype(np.float32)


def train(trainer):
    reports: list[Progress] = []
    for epoch in range(trainer.epochs):
        trainer.run_epoch(epoch, reports.append)
    return reports


@pytest.mark.parametrize("loss", LOSSES)
def test_a_pass_of_plain_steps_equals_the_reference(loss):
    """SGD at a constant rate: each block's gradient, at the vectors that the last one left."""
    dense, counts, occurrences = example()
    trainer = trainer_for(
        counts, occurrences, loss=loss, optimizer="sgd", warm_up=0.0, epochs=1, weight_decay=0.2,
        learning_rate=0.05, min_learning_rate=0.05,
    )  # fmt: skip
    V, U = (
        x.astype(np.float64)
        for x in (trainer.parameters.center_vectors, trainer.parameters.outside_vectors)
    )
    objective = make_loss(loss, negatives=3)
    noise = objective.noise_distribution(occurrences)
    trained = np.setdiff1d(np.arange(VOCABULARY), [7])
    scale = len(trained) / dense.sum(dtype=np.float64)
    order = trained[random_order(stream_key(1, 0, "centers"), len(trained))]
    blocks = 4
    ref_loss = 0.0
    for first in range(0, len(order), 16):
        centers = np.sort(order[first : first + 16])
        some, dV, dU = whole_corpus_loss_and_gradient(
            dense[centers].astype(np.float64), V[centers], U, objective, noise
        )
        V[centers] -= 0.05 * (scale * dV + 0.2 * V[centers])
        U -= 0.05 * (scale * dU + 0.2 / blocks * U)
        ref_loss += some
    reports = train(trainer)
    assert sum(report.loss for report in reports) == pytest.approx(ref_loss, rel=1e-5)
    np.testing.assert_allclose(trainer.parameters.center_vectors, V, atol=1e-5)
    np.testing.assert_allclose(trainer.parameters.outside_vectors, U, atol=1e-5)
    assert (trainer.parameters.centers[:, 8:] == 0).all()
    assert (trainer.parameters.outsides[:, 8:] == 0).all()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("optimizer", "rate"), [("adam", 0.05), ("adagrad", 0.3), ("sgd", 0.3)])
def test_training_lowers_the_loss_towards_the_optimum(loss, optimizer, rate):
    dense, counts, occurrences = example()
    trainer = trainer_for(
        counts,
        occurrences,
        loss=loss,
        optimizer=optimizer,
        learning_rate=rate,
        epochs=30,
        weight_decay=0.0,
    )
    reports = train(trainer)
    per_pair = [report.loss / report.pairs for report in reports]
    assert per_pair[0] == pytest.approx(trainer.initial_loss, rel=0.05)
    assert per_pair[-1] < 0.9 * trainer.initial_loss
    # What is reported is the loss: the sum over all pairs at the vectors that are there now.
    noise = trainer.noise
    now, _, _ = whole_corpus_loss_and_gradient(
        dense.astype(np.float64),
        trainer.parameters.center_vectors.astype(np.float64),
        trainer.parameters.outside_vectors.astype(np.float64),
        make_loss(loss, negatives=3),
        noise,
    )
    last_pass = sum(report.loss for report in reports[-4:])
    assert now == pytest.approx(last_pass, rel=0.02)


@pytest.mark.parametrize("loss", LOSSES)
def test_any_number_of_threads_and_any_memory_gives_the_same_bits(loss):
    _, counts, occurrences = example()
    found = []
    for threads, memory_limit in ((1, 1), (2, 1024), (3, 1)):
        trainer = trainer_for(
            counts, occurrences, loss=loss, threads=threads, memory_limit=memory_limit
        )
        reports = [(report.step, report.loss, report.pairs) for report in train(trainer)]
        found.append((reports, trainer.parameters.centers, trainer.parameters.outsides))
    for reports, centers, outsides in found[1:]:
        assert reports == found[0][0]
        np.testing.assert_array_equal(centers, found[0][1])
        np.testing.assert_array_equal(outsides, found[0][2])


def test_another_seed_visits_centers_in_another_order():
    _, counts, occurrences = example()
    losses = {
        seed: [report.loss for report in train(trainer_for(counts, occurrences, seed=seed))]
        for seed in (1, 2)
    }
    assert losses[1] != losses[2]


@pytest.mark.parametrize("loss", LOSSES)
def test_the_mean_of_drawn_steps_is_the_exact_gradient(loss):
    """docs/derivations.md, section 12: each step is its share of the whole sum, on average."""
    dense, counts, occurrences = example()
    objective = make_loss(loss, negatives=3)
    V, U = random_vectors()
    noise = objective.noise_distribution(occurrences)
    exact = whole_corpus_loss_and_gradient(dense.astype(np.float64), V, U, objective, noise)
    trainer = trainer_for(
        counts, occurrences, loss=loss, center_order="weight", center_exponent=0.7
    )
    drawn = []
    with trainer._gradient(16, 1) as gradient:
        for epoch in range(100):
            step = np.zeros((2, VOCABULARY, 8))
            total = 0.0
            for batch in trainer._batches.of_pass(epoch):
                dU = step[1]

                def add(tile, values, dU=dU):
                    dU[tile] += values

                trainer.parameters.outside_vectors[:] = U
                some, values = gradient(
                    batch.centers, V[batch.centers].astype(np.float32), add, batch.weights
                )
                step[0, batch.centers] += values
                total += some
            drawn.append(np.append(step.ravel(), total))
    steps = np.array(drawn)
    error = steps.std(axis=0) / np.sqrt(len(steps))
    expected = np.append(np.stack(exact[1:]).ravel(), exact[0])
    # 961 means: 4.5 standard errors for the largest, and float32.
    assert (np.abs(steps.mean(axis=0) - expected) <= 4.5 * error + 1e-4 * np.abs(expected)).all()
    assert np.linalg.norm(error) < 0.2 * np.linalg.norm(expected)  # a mean that tells something


@pytest.mark.parametrize(("optimizer", "rate"), [("adam", 0.05), ("adagrad", 0.3), ("sgd", 0.3)])
def test_drawn_centers_learn_and_repeat_on_any_number_of_threads(optimizer, rate):
    _, counts, occurrences = example()
    found = []
    for threads in (1, 3):
        trainer = trainer_for(
            counts, occurrences, loss="naive_softmax", optimizer=optimizer, center_order="weight",
            learning_rate=rate, epochs=20, threads=threads,
        )  # fmt: skip
        reports = train(trainer)
        found.append(([report.loss for report in reports], trainer.parameters.centers))
        assert reports[-1].loss / reports[-1].pairs < 0.97 * trainer.initial_loss
    assert found[0][0] == found[1][0]
    np.testing.assert_array_equal(found[0][1], found[1][1])


def test_drawn_centers_lose_as_much_by_decay_as_swept_ones():
    """However often a word is drawn; one without pairs keeps its vector."""
    _, counts, occurrences = example()
    trainer = trainer_for(
        counts, occurrences, center_order="weight", optimizer="sgd", warm_up=0.0, epochs=1,
        learning_rate=1e-8, min_learning_rate=1e-8, weight_decay=10.0,
    )  # fmt: skip
    trainer._weight_decay = 2e7  # a fifth a pass, and hardly any gradient
    before = trainer.parameters.centers.copy()
    train(trainer)
    others = np.delete(np.arange(VOCABULARY), 7)
    np.testing.assert_allclose(
        trainer.parameters.centers[others], (1 - 0.2 / 4) ** 4 * before[others], atol=1e-4
    )
    np.testing.assert_array_equal(trainer.parameters.centers[7], before[7])


def test_a_word_without_pairs_keeps_its_center_vector():
    _, counts, occurrences = example()
    trainer = trainer_for(counts, occurrences)
    before = trainer.parameters.centers.copy()
    train(trainer)
    changed = (trainer.parameters.centers != before).any(axis=1)
    assert not changed[7] and changed.sum() == VOCABULARY - 1


def test_reports_cover_all_tokens_and_pairs_once():
    dense, counts, occurrences = example()
    trainer = trainer_for(counts, occurrences, epochs=2)
    reports = train(trainer)
    assert sum(report.tokens for report in reports) == trainer.total_steps == 2 * TOKENS
    assert [report.step for report in reports] == list(
        np.cumsum([report.tokens for report in reports])
    )
    assert sum(report.pairs for report in reports) == pytest.approx(2 * dense.sum(), rel=1e-5)
    assert trainer.estimated_seconds() > 0


def test_the_learning_rate_rises_then_falls():
    _, counts, occurrences = example()
    trainer = trainer_for(counts, occurrences, epochs=50, learning_rate=0.5, warm_up=0.2)
    rates = [trainer._rate(steps) for steps in range(50 * 4 + 1)]
    assert np.argmax(rates) == 40 and rates[0] < 0.05
    assert rates[40] == 0.5 and rates[-1] == pytest.approx(0.5 / 250)
    assert (np.diff(rates[:41]) > 0).all() and (np.diff(rates[40:]) < 0).all()


def test_counts_without_pairs_are_refused():
    _, counts, occurrences = example()
    nothing = Counts(
        np.zeros(VOCABULARY + 1, np.int64), counts.words[:0], counts.counts[:0],
        np.zeros(VOCABULARY),
    )  # fmt: skip
    with pytest.raises(InputError, match="no pair of words"):
        trainer_for(nothing, occurrences)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trainer": "stream", "optimizer": "adam"}, "trainer.optimizer=adam: trainer=stream has"),
        ({"trainer": "stream", "batch_centers": 5}, "trainer.batch_centers=5: trainer=stream has"),
        ({"batch_windows": 8}, "trainer.batch_windows=8: trainer=cooccurrence has no such setting"),
        ({"optimizer": "lion"}, "trainer.optimizer='lion': expected adam or adagrad or sgd or lb"),
        ({"center_order": "random"}, "trainer.center_order='random': expected sweep or weight"),
        ({"center_exponent": 0.5}, "center_exponent=0.5: trainer.center_order=sweep has no such"),
        (
            {"trainer": "stream", "center_order": "weight"},
            "center_order=weight: trainer=stream has",
        ),
        ({"optimizer": "lbfgs", "learning_rate": 0.1}, "rate=0.1: trainer.optimizer=lbfgs has no"),
        ({"optimizer": "lbfgs", "batch_centers": 64}, "centers=64: trainer.optimizer=lbfgs has no"),
        ({"batch_centers": 0}, "trainer.batch_centers=0: expected a whole number"),
        ({"warm_up": 1.0}, "trainer.warm_up=1.0: expected a number from 0 to 0.9"),
        ({"memory_limit": 0}, "trainer.memory_limit=0: expected a whole number"),
    ],
)
def test_settings_that_cannot_be_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        TrainingSettings(**{"trainer": "cooccurrence", **options})


def test_weight_decay_is_the_default_of_adam_alone():
    decays = [
        TrainingSettings(trainer="cooccurrence", optimizer=name).resolved().weight_decay
        for name in (None, "adam", "adagrad", "sgd")
    ]
    assert decays == [2.0, 2.0, 0.0, 0.0]
    assert TrainingSettings(trainer="stream").resolved().weight_decay is None


def test_more_negatives_want_less_weight_decay():
    def decay(loss, negatives):
        given = TrainingSettings(loss=loss, negatives=negatives, trainer="cooccurrence")
        return given.resolved().weight_decay

    assert [decay("naive_softmax", k) for k in (1, 5, 15)] == [2.0, 2.0, 2.0]
    assert decay("negative_sampling", 5) == 2.0
    assert decay("negative_sampling", 1) == pytest.approx(4.4721, abs=1e-4)
    assert decay("negative_sampling", 20) == 1.0
    assert decay("negative_sampling", 10_000) > 0
