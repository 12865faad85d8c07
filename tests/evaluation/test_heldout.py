from __future__ import annotations

import numpy as np
import pytest

from nw2v.corpus import EncodedText
from nw2v.errors import InputError
from nw2v.evaluation import draw_heldout_pairs, heldout, heldout_metrics, heldout_scores
from nw2v.jit.random import stream_key
from nw2v.kernels.stream import window_law
from nw2v.losses.objectives import Loss, NaiveSoftmax, NegativeSampling
from tests import naive

VOCABULARY = 40
COUNTS = np.maximum(1, 4000 // np.arange(1, VOCABULARY + 1) ** 2)
LOSSES: list[Loss] = [NaiveSoftmax(), NegativeSampling(negatives=7, noise_exponent=0.6)]


def encoded(sentences: list[list[int]]) -> EncodedText:
    return EncodedText(
        tokens=np.array([word for sentence in sentences for word in sentence], dtype=np.int32),
        offsets=np.cumsum([0, *map(len, sentences)], dtype=np.int64),
    )


def random_text(sentences: int = 60, seed: int = 0) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    frequencies = COUNTS / COUNTS.sum()
    return [
        rng.choice(VOCABULARY, rng.integers(1, 25), p=frequencies).tolist()
        for _ in range(sentences)
    ]


def random_model(dim: int = 6, scale: float = 1.0, seed: int = 3):
    rng = np.random.default_rng(seed)
    shape = (2, VOCABULARY, dim)
    return (scale * rng.standard_normal(shape)).astype(np.float32)


def as_lists(pairs) -> list[tuple[int, list[int]]]:
    return [
        (int(center), pairs.outsides[first:last].tolist())
        for center, first, last in zip(
            pairs.centers, pairs.offsets[:-1], pairs.offsets[1:], strict=True
        )
    ]


@pytest.mark.parametrize("subsample", [0, 1e-2, 0.1])
@pytest.mark.parametrize("window", [1, 4])
def test_all_centers_have_the_windows_of_the_stream_trainer(subsample, window):
    text = [[], [3], *random_text(), [], [5], [7, 8], []]
    pairs = draw_heldout_pairs(
        encoded(text), COUNTS, window=window, subsample=subsample, centers=10**6, seed=11
    )
    law = window_law(COUNTS, window=window, subsample=subsample, shrink=True)
    key = int(stream_key(11, "held-out windows"))

    def expected(sentences: list[list[int]]) -> list[tuple[int, list[int]]]:
        found = naive.windows(sentences, law.keep_limits, window, True, key)
        return [(center, around) for center, around in found if around]

    assert as_lists(pairs) == expected(text)
    assert len(pairs) == sum(len(around) for _, around in expected(text))
    ends = [len(expected(text[: s + 1])) for s in range(len(text))]
    places = np.arange(len(pairs.centers))
    np.testing.assert_array_equal(pairs.sentences, np.searchsorted(ends, places, side="right"))


def test_a_sample_is_some_of_all_centers_with_their_whole_windows():
    text = encoded(random_text())
    everything = draw_heldout_pairs(text, COUNTS, subsample=0.01, centers=10**6)
    sample = draw_heldout_pairs(text, COUNTS, subsample=0.01, centers=50)
    assert len(sample.centers) == 50
    remaining = iter(zip(everything.sentences, as_lists(everything), strict=True))
    for entry in zip(sample.sentences, as_lists(sample), strict=True):
        assert any(entry == other for other in remaining)  # in the order of the text


def test_the_seed_decides():
    text = encoded(random_text())
    first, again, other = (
        draw_heldout_pairs(text, COUNTS, subsample=0.01, centers=50, seed=seed)
        for seed in (1, 1, 2)
    )
    assert as_lists(first) == as_lists(again)
    assert as_lists(first) != as_lists(other)


def test_frequencies_of_kept_words():
    text = encoded([[0] * 10 + [39] * 10] * 2000)
    counts = np.array([9_999_00] + [1] * 38 + [62])
    pairs = draw_heldout_pairs(text, counts, subsample=0.01, centers=10**6)
    t_over_f = 0.01 * counts.sum() / counts[0]
    keep = np.sqrt(t_over_f) + t_over_f
    ratio = np.mean(pairs.centers == 0) / np.mean(pairs.centers == 39)
    assert ratio == pytest.approx(keep, rel=0.05)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("subsample", [0.0, 0.01])
def test_metrics_equal_the_naive_ones(monkeypatch, loss, threads, subsample):
    monkeypatch.setattr(heldout, "_CENTERS_A_BLOCK", 5)
    monkeypatch.setattr(heldout, "_WORDS_A_BLOCK", 7)
    pairs = draw_heldout_pairs(
        encoded(random_text()), COUNTS, subsample=subsample, centers=70, window=3
    )
    v, u = random_model()
    metrics = heldout_metrics(pairs, v, u, loss, COUNTS, threads=threads)
    expected = naive.heldout_metrics(
        pairs, v, u, loss.name, COUNTS, getattr(loss, "negatives", 0), 0.6
    )
    error = metrics.pop("valid/cross_entropy_standard_error")
    assert 0 < error < 1
    assert metrics == pytest.approx(expected, rel=1e-5, abs=1e-6)
    assert all(type(value) is float for value in metrics.values())


def test_blocks_and_threads_do_not_change_a_bit(monkeypatch):
    pairs = draw_heldout_pairs(encoded(random_text()), COUNTS, subsample=0, centers=200)
    v, u = random_model()
    monkeypatch.setattr(heldout, "_CENTERS_A_BLOCK", 5)
    monkeypatch.setattr(heldout, "_WORDS_A_BLOCK", 7)
    results = [heldout_metrics(pairs, v, u, LOSSES[1], COUNTS, threads=n) for n in (1, 2, 5)]
    assert results[0] == results[1] == results[2]


def known_distribution(seed: int = 0) -> np.ndarray:
    """p(o|c) of each center (row)."""
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.full(VOCABULARY, 0.5), VOCABULARY) * 0.99 + 0.01 / VOCABULARY


def true_cross_entropy(pairs, p: np.ndarray) -> float:
    centers = np.repeat(pairs.centers, np.diff(pairs.offsets))
    return float(-np.log(p[centers, pairs.outsides]).mean())


def test_softmax_of_a_known_distribution():
    p = known_distribution()
    pairs = draw_heldout_pairs(encoded(random_text()), COUNTS, subsample=0)
    # U is the identity, so the logits of a center are its vector; a constant must not matter.
    v = np.log(p) + np.linspace(-20, 20, VOCABULARY)[:, np.newaxis]
    metrics = heldout_metrics(pairs, v, np.eye(VOCABULARY), NaiveSoftmax(), COUNTS)
    assert metrics["valid/cross_entropy"] == pytest.approx(true_cross_entropy(pairs, p), rel=1e-5)
    assert metrics["valid/loss"] == pytest.approx(metrics["valid/cross_entropy"], rel=1e-6)
    assert metrics["valid/perplexity"] == pytest.approx(np.exp(metrics["valid/cross_entropy"]))


def test_scores_of_each_center_sum_up_to_the_metrics():
    pairs = draw_heldout_pairs(encoded(random_text()), COUNTS, subsample=0, centers=70)
    v, u = random_model()
    for loss in LOSSES:
        scores = heldout_scores(pairs, v, u, loss, COUNTS)
        metrics = heldout_metrics(pairs, v, u, loss, COUNTS)
        assert scores.surprise.shape == scores.own_loss.shape == pairs.centers.shape
        assert scores.surprise.sum() / len(pairs) == metrics["valid/cross_entropy"]
        assert scores.own_loss.sum() / len(pairs) == metrics["valid/loss"]
        c, o = pairs.centers[-1], pairs.outsides[pairs.offsets[-2] :]
        logits = u.astype(float) @ v[c]
        prior = loss.log_prior(loss.noise_distribution(COUNTS))
        if prior is not None:
            logits += prior
        p = naive.softmax(logits)
        assert scores.surprise[-1] == pytest.approx(-np.log(p[o]).sum(), rel=1e-5)
        assert scores.confidence[-1] == pytest.approx(p.max(), rel=1e-5)
        assert scores.hits[-1] == np.count_nonzero(o == p.argmax())


def test_only_negative_sampling_has_a_partition_function():
    pairs = draw_heldout_pairs(encoded(random_text()), COUNTS, subsample=0, centers=70)
    v, u = random_model()
    assert heldout_scores(pairs, v, u, NaiveSoftmax(), COUNTS).log_partition is None
    names = heldout_metrics(pairs, v, u, NaiveSoftmax(), COUNTS)
    assert not [name for name in names if "partition" in name or "self_normalised" in name]


@pytest.mark.parametrize("negatives", [1, 20])
def test_negative_sampling_at_its_optimum_normalises_itself(negatives):
    p = known_distribution()
    loss = NegativeSampling(negatives=negatives)
    pairs = draw_heldout_pairs(encoded(random_text()), COUNTS, subsample=0)
    v = np.log(p) - np.log(negatives * loss.noise_distribution(COUNTS))
    metrics = heldout_metrics(pairs, v, np.eye(VOCABULARY), loss, COUNTS)
    assert metrics["valid/cross_entropy_self_normalised"] == pytest.approx(
        true_cross_entropy(pairs, p), rel=1e-5
    )
    assert metrics["valid/log_partition_mean"] == pytest.approx(0, abs=1e-5)
    assert metrics["valid/log_partition_standard_deviation"] == pytest.approx(0, abs=1e-5)


def test_centers_of_twice_the_partition_function():
    p = known_distribution()
    loss = NegativeSampling(negatives=5)
    pairs = draw_heldout_pairs(encoded([[0, 1], [2, 3]]), COUNTS, subsample=0)
    v = np.log(p) - np.log(5 * loss.noise_distribution(COUNTS))
    v[:2] += np.log(2)  # half of the four pairs
    metrics = heldout_metrics(pairs, v, np.eye(VOCABULARY), loss, COUNTS)
    assert metrics["valid/log_partition_mean"] == pytest.approx(np.log(2) / 2, rel=1e-4)
    assert metrics["valid/log_partition_standard_deviation"] == pytest.approx(
        np.log(2) / 2, rel=1e-4
    )
    assert metrics["valid/cross_entropy"] == pytest.approx(
        metrics["valid/cross_entropy_self_normalised"] + metrics["valid/log_partition_mean"]
    )


def test_a_model_that_knows_the_distribution_is_calibrated_and_a_sharper_one_is_not():
    rng = np.random.default_rng(0)
    p = known_distribution()
    centers = np.arange(VOCABULARY).repeat(500)
    outsides = [rng.choice(VOCABULARY, p=p[center]) for center in centers]
    pairs = heldout.HeldoutPairs(
        centers=centers,
        offsets=np.arange(len(centers) + 1),
        outsides=np.array(outsides),
        sentences=np.arange(len(centers)),
        window=5,
        subsample=0.0,
    )
    identity = np.eye(VOCABULARY)
    error, sharper = (
        heldout_metrics(pairs, scale * np.log(p), identity, NaiveSoftmax(), COUNTS)[
            "valid/calibration_error"
        ]
        for scale in (1, 2)
    )
    assert error < 0.015
    most = (p**2 / (p**2).sum(axis=1, keepdims=True)).max(axis=1)
    assert sharper == pytest.approx((most - p.max(axis=1)).mean(), abs=0.01)


@pytest.mark.parametrize("negatives", [1, 5, 20])
def test_negative_sampling_at_its_optimum_is_the_true_distribution(negatives):
    p = known_distribution()
    loss = NegativeSampling(negatives=negatives)
    noise = loss.noise_distribution(COUNTS)
    pairs = draw_heldout_pairs(encoded(random_text()), COUNTS, subsample=0)
    v = np.log(p) - np.log(negatives * noise)
    metrics = heldout_metrics(pairs, v, np.eye(VOCABULARY), loss, COUNTS)
    assert metrics["valid/cross_entropy"] == pytest.approx(true_cross_entropy(pairs, p), rel=1e-5)


def test_the_noise_that_was_sampled_may_be_given():
    p = known_distribution()
    loss = NegativeSampling(negatives=3)
    noise = known_distribution(seed=9)[0]
    pairs = draw_heldout_pairs(encoded(random_text()), COUNTS, subsample=0)
    metrics = heldout_metrics(
        pairs, np.log(p) - np.log(3 * noise), np.eye(VOCABULARY), loss, COUNTS, noise
    )
    assert metrics["valid/cross_entropy"] == pytest.approx(true_cross_entropy(pairs, p), rel=1e-5)


def test_a_model_that_knows_only_frequencies_scores_as_the_unigram_baseline():
    pairs = draw_heldout_pairs(encoded(random_text()), COUNTS, subsample=0)
    loss = NegativeSampling(noise_exponent=1.0)
    zeros = np.zeros((VOCABULARY, 4))
    metrics = heldout_metrics(pairs, zeros, zeros, loss, COUNTS)
    assert metrics["valid/cross_entropy"] == pytest.approx(
        metrics["valid/cross_entropy_unigram"], rel=1e-6
    )
    metrics = heldout_metrics(pairs, zeros, zeros, NaiveSoftmax(), COUNTS)
    assert metrics["valid/perplexity"] == pytest.approx(VOCABULARY)


def test_unigram_baseline_is_the_best_guess_from_frequencies_under_subsampling():
    rng = np.random.default_rng(0)
    frequencies = COUNTS / COUNTS.sum()
    text = encoded([rng.choice(VOCABULARY, 20, p=frequencies).tolist() for _ in range(4000)])
    pairs = draw_heldout_pairs(text, COUNTS, subsample=0.01, centers=10**6)
    observed = np.bincount(pairs.outsides, minlength=VOCABULARY) / len(pairs)
    entropy = -np.sum(observed[observed > 0] * np.log(observed[observed > 0]))
    zeros = np.zeros((VOCABULARY, 2))
    unigram = heldout_metrics(pairs, zeros, zeros, NaiveSoftmax(), COUNTS)[
        "valid/cross_entropy_unigram"
    ]
    assert entropy <= unigram == pytest.approx(entropy, rel=2e-3)


def test_sample_and_standard_error_agree_with_all_pairs():
    text = encoded(random_text(sentences=1500))
    v, u = random_model(scale=0.7)
    whole = draw_heldout_pairs(text, COUNTS, subsample=0.01, centers=10**6)
    truth = heldout_metrics(whole, v, u, NaiveSoftmax(), COUNTS)["valid/cross_entropy"]
    within = 0
    for seed in range(40):
        sample = draw_heldout_pairs(text, COUNTS, subsample=0.01, centers=300, seed=seed)
        metrics = heldout_metrics(sample, v, u, NaiveSoftmax(), COUNTS)
        error = metrics["valid/cross_entropy_standard_error"]
        within += abs(metrics["valid/cross_entropy"] - truth) < 2 * error
    assert within >= 33


@pytest.mark.parametrize("text", [[], [[1]], [[1], [2], [3]]], ids=["empty", "a word", "words"])
def test_no_pairs_no_metrics(text):
    pairs = draw_heldout_pairs(encoded(text), COUNTS)
    assert len(pairs) == 0
    v, u = random_model()
    for loss in LOSSES:
        assert heldout_metrics(pairs, v, u, loss, COUNTS) == {}
        assert heldout_scores(pairs, v, u, loss, COUNTS).surprise.shape == (0,)


def test_one_sentence_has_no_standard_error():
    pairs = draw_heldout_pairs(encoded([[1, 2, 3]]), COUNTS, subsample=0)
    v, u = random_model()
    metrics = heldout_metrics(pairs, v, u, NaiveSoftmax(), COUNTS)
    assert "valid/cross_entropy" in metrics
    assert "valid/cross_entropy_standard_error" not in metrics
    assert not any(np.isnan(value) for value in metrics.values())


def test_a_hopeless_model_has_infinite_perplexity():
    pairs = draw_heldout_pairs(encoded(random_text()), COUNTS, subsample=0)
    v, u = random_model(scale=100)
    metrics = heldout_metrics(pairs, v, u, NaiveSoftmax(), COUNTS)
    assert metrics["valid/cross_entropy"] > 700
    assert metrics["valid/perplexity"] == np.inf


def test_a_memory_mapped_read_only_text(tmp_path):
    text = encoded(random_text())
    np.save(tmp_path / "tokens.npy", text.tokens)
    mapped = EncodedText(
        tokens=np.load(tmp_path / "tokens.npy", mmap_mode="r"), offsets=text.offsets
    )
    assert as_lists(draw_heldout_pairs(mapped, COUNTS)) == as_lists(
        draw_heldout_pairs(text, COUNTS)
    )


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        ("window", 0, "evaluation.window must be an integer of at least 1, got 0"),
        ("window", 2.5, "evaluation.window"),
        ("centers", 0, "evaluation.heldout_centers must be an integer of at least 1, got 0"),
        ("centers", True, "evaluation.heldout_centers"),
        ("subsample", -1e-4, "evaluation.subsample must be a finite number of at least 0"),
        ("subsample", float("nan"), "evaluation.subsample"),
        ("subsample", "1e-4", "evaluation.subsample"),
        ("seed", 1.5, "evaluation.split_seed must be an integer, got 1.5"),
    ],
)
def test_arguments_out_of_range(argument, value, message):
    with pytest.raises(InputError, match=message):
        draw_heldout_pairs(encoded(random_text()), COUNTS, **{argument: value})


def test_counts_that_do_not_fit():
    text = encoded(random_text())
    with pytest.raises(InputError, match="both must come from the same split"):
        draw_heldout_pairs(text, COUNTS[:5])
    with pytest.raises(InputError, match="counts must be at least 1"):
        draw_heldout_pairs(text, np.zeros(VOCABULARY))
    with pytest.raises(InputError, match="counts must be an array of numbers"):
        draw_heldout_pairs(text, COUNTS[np.newaxis])
    pairs = draw_heldout_pairs(text, COUNTS, subsample=0)
    v, u = random_model()
    with pytest.raises(InputError, match="beyond the 5 of counts"):
        heldout_metrics(pairs, v[:5], u[:5], NaiveSoftmax(), COUNTS[:5])


def test_vectors_that_do_not_fit():
    pairs = draw_heldout_pairs(encoded(random_text()), COUNTS, subsample=0)
    v, u = random_model()
    with pytest.raises(InputError, match=r"center_vectors must be floats of shape \(40, d\)"):
        heldout_metrics(pairs, v[:-1], u, NaiveSoftmax(), COUNTS)
    with pytest.raises(InputError, match="must have the same dimension, got 6 and 5"):
        heldout_metrics(pairs, v, u[:, :5], NaiveSoftmax(), COUNTS)
    broken = u.copy()
    broken[7, 2] = np.nan
    with pytest.raises(
        InputError, match="outside_vectors has a number that is not finite in row 7"
    ):
        heldout_metrics(pairs, v, broken, NaiveSoftmax(), COUNTS)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_scores_that_overflow_are_an_error_and_not_nan(loss):
    pairs = draw_heldout_pairs(encoded(random_text()), COUNTS, subsample=0)
    v, u = random_model(scale=1e25)
    with pytest.raises(InputError, match="overflow"):
        heldout_metrics(pairs, v, u, loss, COUNTS)
