from __future__ import annotations

import dataclasses
import math
from importlib.metadata import EntryPoint

import numpy as np
import pytest
from hypothesis import given
from numpy.testing import assert_allclose, assert_array_equal

from nw2v.errors import InputError
from nw2v.losses import (
    LOSSES,
    Loss,
    NaiveSoftmax,
    NegativeSampling,
    loss_names,
    make_loss,
    naive_softmax_loss_and_gradient,
    negative_sampling_loss_and_gradient,
    objectives,
)
from tests.losses.problems import examples, problems

COUNTS = np.array([1000, 200, 50, 5, 1])


def test_names_and_settings():
    assert isinstance(make_loss("naive_softmax"), NaiveSoftmax)
    assert make_loss("negative_sampling") == NegativeSampling(5, 0.75)
    assert make_loss("negative_sampling", negatives=9, noise_exponent=0.5) == NegativeSampling(
        9, 0.5
    )
    assert make_loss("naive_softmax", negatives=-3) == NaiveSoftmax()  # ignored, not judged
    assert {"naive_softmax", "negative_sampling"} <= set(loss_names())
    for name, factory in LOSSES.items():
        loss = factory()
        assert isinstance(loss, Loss)
        assert loss.name == name


def test_settings_cannot_change_behind_a_run():
    with pytest.raises(dataclasses.FrozenInstanceError):
        NegativeSampling().negatives = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"negatives": 0}, "loss.negatives must be a whole number of at least 1, got 0"),
        ({"negatives": -1}, "loss.negatives must be a whole number of at least 1, got -1"),
        ({"negatives": 2.5}, "loss.negatives must be a whole number of at least 1, got 2.5"),
        ({"negatives": True}, "loss.negatives must be a whole number of at least 1, got True"),
        ({"negatives": "5"}, "loss.negatives must be a whole number of at least 1, got '5'"),
        ({"negatives": None}, "loss.negatives must be a whole number of at least 1, got None"),
        ({"noise_exponent": math.nan}, "loss.noise_exponent must be a finite number, got nan"),
        ({"noise_exponent": math.inf}, "loss.noise_exponent must be a finite number, got inf"),
        (
            {"noise_exponent": 10**400},
            f"loss.noise_exponent must be a finite number, got {10**400}",
        ),
        ({"noise_exponent": "a"}, "loss.noise_exponent must be a finite number, got 'a'"),
        ({"temperature": 2}, "loss.temperature: the loss negative_sampling has no such setting"),
    ],
)
def test_bad_settings_are_named_by_their_configuration_key(settings, message):
    with pytest.raises(InputError) as error:
        make_loss("negative_sampling", **settings)
    assert str(error.value) == message


def test_an_exponent_beyond_float64():
    with pytest.raises(InputError, match=r"loss\.noise_exponent must be a finite number, got 1000"):
        NegativeSampling(noise_exponent=10**400)


@pytest.mark.parametrize("name", [None, 5, ["negative_sampling"]])
def test_a_name_that_is_none(name):
    with pytest.raises(InputError, match="unknown loss"):
        make_loss(name)


@pytest.mark.parametrize("name", ["negativ_sampling", "negative-sampling"])
def test_an_unknown_loss_names_the_nearest(name):
    with pytest.raises(InputError, match="did you mean negative_sampling"):
        make_loss(name)
    with pytest.raises(InputError, match="unknown loss 'xyz': expected one of naive_softmax"):
        make_loss("xyz")


def third_party_loss(temperature: float = 1.0):
    assert temperature == 3.0
    return NegativeSampling(negatives=2)


def not_a_loss():
    return 3


def test_losses_of_other_packages(monkeypatch):
    def found(value):
        entry = EntryPoint("third_party", value, objectives.ENTRY_POINT_GROUP)
        monkeypatch.setattr(objectives, "entry_points", lambda group: [entry])

    found("tests.losses.test_objectives:third_party_loss")
    assert "third_party" in loss_names()
    assert make_loss("third_party", negatives=7, temperature=3.0) == NegativeSampling(2)
    found("builtins:dict")
    with pytest.raises(InputError, match="loss third_party: cannot tell which settings"):
        make_loss("third_party")
    found("tests.losses.test_objectives:not_a_loss")
    with pytest.raises(InputError, match="expected an object with the methods"):
        make_loss("third_party")
    found("nowhere_at_all:thing")
    with pytest.raises(InputError, match=r"nowhere_at_all:thing cannot be loaded"):
        make_loss("third_party")


def test_noise_distribution():
    assert NaiveSoftmax().noise_distribution(COUNTS) is None
    for exponent in (-1.0, 0.0, 0.75, 1.0, 30.0):
        noise = NegativeSampling(noise_exponent=exponent).noise_distribution(COUNTS)
        weights = COUNTS.astype(np.float64) ** exponent
        assert noise.dtype == np.float64
        assert_allclose(noise, weights / weights.sum(), rtol=1e-12)
        assert_allclose(noise.sum(), 1, rtol=1e-14)


@pytest.mark.parametrize("exponent", [1000.0, -1000.0, 1e308, -1e308])
def test_a_noise_distribution_that_underflows(exponent):
    with pytest.raises(InputError, match=r"loss\.noise_exponent must be closer to 0, got "):
        NegativeSampling(noise_exponent=exponent).noise_distribution(COUNTS)


@pytest.mark.parametrize("counts", [[0, 1], [-1, 2], [], [[1, 2]], [math.nan, 1], [math.inf, 1]])
def test_bad_counts(counts):
    with pytest.raises(InputError, match="word counts: expected"):
        NegativeSampling().noise_distribution(counts)


def test_pair_loss_and_gradient():
    rng = np.random.default_rng(1)
    v_c, U = rng.normal(size=3), rng.normal(size=(5, 3))
    for comp, ref in (
        (
            NaiveSoftmax().pair_loss_and_gradient(v_c, 2, U, [1, 1]),
            naive_softmax_loss_and_gradient(v_c, 2, U),
        ),
        (
            NegativeSampling().pair_loss_and_gradient(v_c, 2, U, [1, 1]),
            negative_sampling_loss_and_gradient(v_c, 2, U, [1, 1]),
        ),
    ):
        for c, r in zip(comp, ref, strict=True):
            assert_array_equal(c, r)
    with pytest.raises(ValueError, match=r"^negative_indices: "):
        NegativeSampling().pair_loss_and_gradient(v_c, 2, U)


@examples(100)
@given(problems(shortest=1, windows=1))
def test_naive_softmax_is_a_pair_term_and_a_center_term(problem):
    v_c, U, o = problem.center_vectors[0], problem.outside_vectors, int(problem.outside[0])
    loss = NaiveSoftmax()
    logits = (U @ v_c)[np.newaxis]
    parts = loss.pair_terms(logits[0, o]) + loss.center_terms(logits, None)[0]
    assert_allclose(parts, loss.pair_loss_and_gradient(v_c, o, U)[0], rtol=1e-12, atol=1e-13)


@examples(100)
@given(problems(shortest=1, windows=1))
def test_negative_sampling_is_a_pair_term_and_a_center_term_in_expectation(problem):
    # The expectation over one negative, word by word; K of them cost K times as much.
    v_c, U, o = problem.center_vectors[0], problem.outside_vectors, int(problem.outside[0])
    loss = NegativeSampling(negatives=1)
    noise = loss.noise_distribution(np.arange(1, len(U) + 1))
    expected = sum(noise[k] * loss.pair_loss_and_gradient(v_c, o, U, [k])[0] for k in range(len(U)))
    logits = (U @ v_c)[np.newaxis]
    pair_term = loss.pair_terms(logits[0, o])
    assert_allclose(pair_term + loss.center_terms(logits, noise)[0], expected, rtol=1e-12)
    assert_allclose(
        NegativeSampling(negatives=7).center_terms(logits, noise)[0],
        7 * (expected - pair_term),
        rtol=1e-10,
    )


@pytest.mark.parametrize("loss", [NaiveSoftmax(), NegativeSampling()])
def test_terms_over_counts_are_the_sum_of_the_pairs(loss):
    """sum_co n_co pair_terms + sum_c n_c center_terms."""
    rng = np.random.default_rng(2)
    n = rng.integers(0, 4, (6, 6))
    logits = rng.normal(size=(6, 6))
    noise = loss.noise_distribution(n.sum(axis=0) + 1)
    pair_terms, center_terms = loss.pair_terms(logits), loss.center_terms(logits, noise)
    assert pair_terms.shape == (6, 6)
    assert center_terms.shape == (6,)
    one_by_one = sum(
        n[c, o] * (loss.pair_terms(logits[c, o]) + loss.center_terms(logits[c : c + 1], noise)[0])
        for c in range(6)
        for o in range(6)
    )
    assert_allclose((n * pair_terms).sum() + n.sum(axis=1) @ center_terms, one_by_one)


@pytest.mark.parametrize("loss", [NaiveSoftmax(), NegativeSampling(3)])
def test_terms_are_float64_from_float32_and_leave_the_logits_alone(loss, monkeypatch):
    logits = np.random.default_rng(3).normal(size=(17, 5)).astype(np.float32)
    before = logits.copy()
    noise = loss.noise_distribution(COUNTS)
    whole = loss.center_terms(logits, noise)
    assert whole.dtype == loss.pair_terms(logits).dtype == np.float64
    assert_allclose(whole, loss.center_terms(logits.astype(np.float64), noise), rtol=1e-14)
    monkeypatch.setattr(objectives, "_SCORES_PER_BLOCK", 15)
    assert_allclose(loss.center_terms(logits, noise), whole, rtol=1e-14)
    assert_array_equal(logits, before)


@pytest.mark.parametrize("loss", [NaiveSoftmax(), NegativeSampling(3)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_terms_of_extreme_logits(loss, dtype):
    logits = np.array([[1e38, -1e38], [-1e38, -1e38], [1e38, 1e38]], dtype=dtype)
    noise = loss.noise_distribution([1, 1])
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        terms = loss.center_terms(logits, noise)
        assert np.isfinite(loss.pair_terms(logits)).all()
    expected = [1e38, -1e38, 1e38] if noise is None else [1.5e38, 0, 3e38]
    assert_allclose(terms, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("logits", "noise", "message"),
    [
        (np.zeros(3), np.full(3, 1 / 3), "^logits: expected numbers of shape"),
        (np.zeros((2, 0)), np.full(3, 1 / 3), "^logits: expected numbers of shape"),
        (np.zeros((2, 4)), np.full(3, 1 / 3), r"^noise: expected shape \(4,\)"),
        (np.zeros((2, 3)), None, "^noise: negative sampling needs"),
        (np.zeros((2, 3)), np.array([0.5, 0.5, 0.0]), "^noise: expected probabilities above 0"),
    ],
)
def test_bad_logits_and_noise(logits, noise, message):
    with pytest.raises(ValueError, match=message):
        NegativeSampling().center_terms(logits, noise)


def test_log_prior():
    assert NaiveSoftmax().log_prior(None) is None
    noise = NegativeSampling().noise_distribution(COUNTS)
    assert_allclose(NegativeSampling().log_prior(noise), np.log(noise))
    with pytest.raises(ValueError, match=r"^noise: "):
        NegativeSampling().log_prior(None)


def test_normalised_model_recovers_the_truth_at_the_optimum_of_negative_sampling():
    """At u_o.v_c = log p(o|c) - log K P(o) the gradient vanishes, and softmax gives p(o|c) back."""
    rng = np.random.default_rng(4)
    negatives = 5
    loss = NegativeSampling(negatives)
    noise = loss.noise_distribution(rng.integers(1, 1000, 8))
    p = rng.dirichlet(np.ones(8))
    optimum = np.log(p) - np.log(negatives * noise)

    def expected_loss(scores):
        return p @ loss.pair_terms(scores) + loss.center_terms(scores[np.newaxis], noise)[0]

    for w in range(8):
        step = np.zeros(8)
        step[w] = 1e-4
        slope = (expected_loss(optimum + step) - expected_loss(optimum - step)) / 2e-4
        assert abs(slope) < 1e-8
    logits = optimum + loss.log_prior(noise)
    assert_allclose(np.exp(logits) / np.exp(logits).sum(), p, rtol=1e-12)


def test_exponent_0_is_uniform_noise():
    assert_allclose(NegativeSampling(noise_exponent=0).noise_distribution(COUNTS), 0.2)
